package ecr_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

const (
	vendor   = "111222333444"
	customer = "999888777666"
	stranger = "123123123123"

	region = "us-east-2"

	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
)

// must fails the test unless the call went well.
func must[T any](out T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// refused checks that a call failed with the exception and the message that a client sees. A message that ends in "…" need only begin so.
func refused(t *testing.T, err error, exception, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, exception)
	}
	if e.ErrorCode() != exception {
		t.Errorf("got %s (%s), want %s", e.ErrorCode(), e.ErrorMessage(), exception)
	}
	begin, open := strings.CutSuffix(message, "…")
	got := e.ErrorMessage()
	if exception == "AccessDeniedException" {
		if !idBehind.MatchString(got) {
			t.Errorf("a refusal does not end with the id of its request: %s", got)
		}
		got = idBehind.ReplaceAllString(got, "")
	}
	if got != message && !(open && strings.HasPrefix(got, begin)) {
		t.Errorf("message:\n got %s\nwant %s", got, message)
	}
}

// idBehind is what ends the text of each refusal by policies: with it the refusal can be explained.
var idBehind = regexp.MustCompile(` \(request id: [0-9a-f-]{36}\)$`)

func digestOf(content string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content))) }

// repository makes a repository and returns its name.
func (c caller) repository(t *testing.T, name string) string {
	t.Helper()
	must(c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}))(t)
	return name
}

// layer uploads content as one layer and returns its digest.
func (c caller) layer(t *testing.T, repository, content string) string {
	t.Helper()
	u := must(c.InitiateLayerUpload(c.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: &repository}))(t)
	must(c.UploadLayerPart(c.ctx, &ecr.UploadLayerPartInput{
		RepositoryName: &repository, UploadId: u.UploadId, PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(int64(len(content)) - 1), LayerPartBlob: []byte(content),
	}))(t)
	digest := digestOf(content)
	_, err := c.CompleteLayerUpload(c.ctx, &ecr.CompleteLayerUploadInput{RepositoryName: &repository, UploadId: u.UploadId, LayerDigests: []string{digest}})
	if exists := (*types.LayerAlreadyExistsException)(nil); err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	return digest
}

// imageOf uploads a config and the layers and returns a manifest of them; each content makes another image.
func (c caller) imageOf(t *testing.T, repository, config string, layers ...string) string {
	t.Helper()
	list := make([]string, len(layers))
	for i, l := range layers {
		list[i] = fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}`, c.layer(t, repository, l), len(l))
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[%s]}`,
		ociManifest, c.layer(t, repository, config), len(config), strings.Join(list, ","))
}

// push stores a manifest under tag, "" for none, and returns its digest.
func (c caller) push(t *testing.T, repository, manifest, tag string) string {
	t.Helper()
	in := &ecr.PutImageInput{RepositoryName: &repository, ImageManifest: &manifest}
	if tag != "" {
		in.ImageTag = &tag
	}
	return *must(c.PutImage(c.ctx, in))(t).Image.ImageId.ImageDigest
}

// image pushes a small image of its own for content.
func (c caller) image(t *testing.T, repository, content, tag string) (digest string) {
	t.Helper()
	return c.push(t, repository, c.imageOf(t, repository, `{"of":"`+content+`"}`, "layer of "+content), tag)
}

// indexOf is an index over manifests that are stored already.
func indexOf(manifests ...string) string {
	list := make([]string, len(manifests))
	for i, m := range manifests {
		list[i] = fmt.Sprintf(`{"mediaType":"%s","digest":"%s","size":%d}`, ociManifest, digestOf(m), len(m))
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}`, ociIndex, strings.Join(list, ","))
}

func byTag(tags ...string) []types.ImageIdentifier {
	var ids []types.ImageIdentifier
	for _, tag := range tags {
		ids = append(ids, types.ImageIdentifier{ImageTag: &tag})
	}
	return ids
}

func byDigest(digests ...string) []types.ImageIdentifier {
	ids := []types.ImageIdentifier{} // none, for the SDK, is not nil
	for _, d := range digests {
		ids = append(ids, types.ImageIdentifier{ImageDigest: &d})
	}
	return ids
}

// showIDs writes ids as "digest:tag" with the digests replaced by the names that the test gave them, for comparing.
func showIDs(names map[string]string, ids []types.ImageIdentifier) string {
	var list []string
	for _, id := range ids {
		digest, tag := aws.ToString(id.ImageDigest), aws.ToString(id.ImageTag)
		if name := names[digest]; name != "" {
			digest = name
		}
		list = append(list, digest+"="+tag)
	}
	return strings.Join(list, " ")
}
