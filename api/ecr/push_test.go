package ecr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"golang.org/x/sync/errgroup"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
)

func TestPutImage_API64_API67_API70(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	manifest := c.imageOf(t, "app", `{}`, "layer")
	digest := digestOf(manifest)
	put := func(tag string) (*ecr.PutImageOutput, error) {
		in := &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest}
		if tag != "" {
			in.ImageTag = &tag
		}
		return c.PutImage(c.ctx, in)
	}
	image := must(put("v1"))(t).Image
	if *image.ImageId.ImageDigest != digest || *image.ImageId.ImageTag != "v1" || *image.ImageManifest != manifest ||
		*image.ImageManifestMediaType != ociManifest || *image.RegistryId != vendor || *image.RepositoryName != "app" {
		t.Errorf("answer %+v", image)
	}
	_, err := put("v1")
	refused(t, err, "ImageAlreadyExistsException", "Image with digest '"+digest+"' and tag 'v1' already exists in the repository with name 'app' in registry with id '111222333444'")
	_, err = put("")
	refused(t, err, "ImageAlreadyExistsException", "Image with digest '"+digest+"' and tag 'null' already exists in the repository with name 'app' in registry with id '111222333444'")
	must(put("v2"))(t) // a tag more on the same image: retagging without upload
	if got := showIDs(map[string]string{digest: "image"}, must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds); got != "image=v1 image=v2" {
		t.Errorf("images %s", got)
	}
	untagged := c.push(t, "app", c.imageOf(t, "app", `{"untagged":1}`), "")
	got := must(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: byDigest(untagged)}))(t)
	if len(got.Images) != 1 || got.Images[0].ImageId.ImageTag != nil {
		t.Errorf("untagged: %+v", got)
	}
}

func TestPushedAt_API52(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	manifest := c.imageOf(t, "app", `{}`, "layer")
	digest := c.push(t, "app", manifest, "v1")
	pushedAt := func() time.Time {
		return *must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), ImageIds: byDigest(digest)}))(t).ImageDetails[0].ImagePushedAt
	}
	first := pushedAt()
	time.Sleep(2 * time.Millisecond) // times on the wire have milliseconds
	c.push(t, "app", manifest, "v2")
	if again := pushedAt(); !again.Equal(first) {
		t.Errorf("another tag moved it from %v to %v", first, again)
	}
	must(c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: byDigest(digest)}))(t)
	c.push(t, "app", manifest, "v1")
	if again := pushedAt(); !again.After(first) {
		t.Errorf("deleted and pushed again, it is from %v; it was from %v", again, first)
	}
}

func TestManifestTypes_API65(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	oci := c.imageOf(t, "app", `{}`, "layer")
	layer := fmt.Sprintf(`{"mediaType":"application/x-anything","digest":"%s","size":5}`, digestOf("layer"))
	docker := strings.Replace(strings.Replace(oci, ociManifest, dockerManifest, 1), "application/vnd.oci.image.config.v1+json", "application/x-any-config", 1)
	list := strings.Replace(strings.Replace(indexOf(docker), ociIndex, "application/vnd.docker.distribution.manifest.list.v2+json", 1), ociManifest, dockerManifest, 1)
	legacy := fmt.Sprintf(`{"schemaVersion":1,"name":"app","tag":"t","fsLayers":[{"blobSum":"%s"}],"history":[{"v1Compatibility":"{}"}]`, digestOf("layer"))
	for mediaType, manifest := range map[string]string{"json": legacy + `}`, "prettyjws": legacy + `,"signatures":[{}]}`} {
		mediaType = "application/vnd.docker.distribution.manifest.v1+" + mediaType
		image := must(c.PutImage(c.ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest, ImageManifestMediaType: &mediaType}))(t).Image
		if *image.ImageManifest != manifest || *image.ImageManifestMediaType != mediaType || *image.ImageId.ImageDigest != digestOf(manifest) {
			t.Errorf("%s: %+v", mediaType, image)
		}
	}
	for _, manifest := range []string{
		oci, docker, indexOf(oci), list,
		strings.Replace(oci, `"config"`, `"artifactType":"application/x-any-artifact","config"`, 1),
		`{"mediaType":"application/vnd.cncf.oras.artifact.manifest.v1+json","artifactType":"application/x-sbom","blobs":[` + layer + `]}`,
		`{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"application/x-sbom","blobs":[` + layer + `]}`,
	} {
		digest := c.push(t, "app", manifest, "")
		got := must(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: byDigest(digest)}))(t)
		if len(got.Images) != 1 || *got.Images[0].ImageManifest != manifest || digest != digestOf(manifest) || !strings.Contains(manifest, *got.Images[0].ImageManifestMediaType) {
			t.Errorf("%s: %+v", manifest, got)
		}
	}
}

func TestForeignLayersNeedNotExist_API66(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	manifest := strings.Replace(c.imageOf(t, "app", `{}`), `"layers":[`, `"layers":[{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar",`+
		`"digest":"`+digestOf("elsewhere")+`","size":9,"urls":["http://169.254.169.254/"]}`, 1)
	c.push(t, "app", manifest, "v1")
}

func TestTagsOfOneImageAreLimited_API70(t *testing.T) {
	c := start(t).root(t, vendor, region).once()
	c.repository(t, "app")
	manifest := c.imageOf(t, "app", `{}`)
	var group errgroup.Group
	group.SetLimit(8)
	for i := range 1000 {
		group.Go(func() error {
			_, err := c.PutImage(c.ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest, ImageTag: aws.String(fmt.Sprint("v", i))})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutImage(c.ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest, ImageTag: aws.String("one-too-many")})
	refused(t, err, "LimitExceededException", "…")
}

func TestPutImageRefuses_API64_API65_API66(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	c.repository(t, "other")
	manifest := c.imageOf(t, "app", `{}`, "layer")
	withoutType := strings.Replace(manifest, `"mediaType":"`+ociManifest+`",`, "", 1)
	elsewhere := c.imageOf(t, "other", `{"of":"other"}`, "layer of other")
	absent := digestOf("absent")
	lost := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":1}]}`, ociIndex, ociManifest, absent)
	const at = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: "
	for name, test := range map[string]struct {
		in                 ecr.PutImageInput
		exception, message string
	}{
		"no repository":  {ecr.PutImageInput{RepositoryName: aws.String("absent"), ImageManifest: aws.String("{")}, "RepositoryNotFoundException", "…"},
		"no JSON":        {ecr.PutImageInput{ImageManifest: aws.String("{")}, "InvalidParameterException", at + "…"},
		"not a manifest": {ecr.PutImageInput{ImageManifest: aws.String(`{"a":1}`)}, "InvalidParameterException", "Invalid parameter at 'ImageManifest…"},
		"empty":          {ecr.PutImageInput{ImageManifest: aws.String("")}, "InvalidParameterException", "Invalid parameter at 'imageManifest' failed to satisfy constraint: 'Member must have length greater than or equal to 1'"},
		"over 4 MiB":     {ecr.PutImageInput{ImageManifest: aws.String(manifest + strings.Repeat(" ", 4<<20))}, "InvalidParameterException", "Invalid parameter at 'imageManifest' failed to satisfy constraint: 'Member must have length less than or equal to 4194304'"},
		"no media type":  {ecr.PutImageInput{ImageManifest: &withoutType}, "InvalidParameterException", "Invalid parameter at 'ImageManifestMediaType' failed to satisfy constraint: …"},
		"two media types": {ecr.PutImageInput{ImageManifest: &manifest, ImageManifestMediaType: aws.String(dockerManifest)},
			"InvalidParameterException", at + "…"},
		"unsupported type": {ecr.PutImageInput{ImageManifest: &manifest, ImageManifestMediaType: aws.String("text/plain")}, "InvalidParameterException", at + "…"},
		"another digest": {ecr.PutImageInput{ImageManifest: &manifest, ImageDigest: &absent},
			"ImageDigestDoesNotMatchException", "…"},
		"digest of sha512": {ecr.PutImageInput{ImageManifest: &manifest, ImageDigest: aws.String("sha512:" + strings.Repeat("a", 128))},
			"ImageDigestDoesNotMatchException", "…"},
		"no digest": {ecr.PutImageInput{ImageManifest: &manifest, ImageDigest: aws.String("nonsense")},
			"InvalidParameterException", "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+''"},
		"layers of another repository": {ecr.PutImageInput{ImageManifest: &elsewhere}, "LayersNotFoundException",
			"Layers with digests '[" + digestOf(`{"of":"other"}`) + ", " + digestOf("layer of other") + "]' required for pushing image into repository with name 'app' in the registry with id '111222333444' do not exist"},
		"children that are not there": {ecr.PutImageInput{ImageManifest: &lost}, "ReferencedImagesNotFoundException",
			"Images with digests '[" + absent + "]' required for pushing image into repository with name 'app' in the registry with id '111222333444' do not exist"},
		"tag of 301": {ecr.PutImageInput{ImageManifest: &manifest, ImageTag: aws.String(strings.Repeat("a", 301))}, "InvalidParameterException",
			"Invalid parameter at 'imageTag' failed to satisfy constraint: 'Member must have length less than or equal to 300'"},
		"tag of 129 (H04)":   {ecr.PutImageInput{ImageManifest: &manifest, ImageTag: aws.String(strings.Repeat("a", 129))}, "InvalidParameterException", "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '…"},
		"tag of dots (H04)":  {ecr.PutImageInput{ImageManifest: &manifest, ImageTag: aws.String("../x")}, "InvalidParameterException", "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '…"},
		"tag of a dash(H04)": {ecr.PutImageInput{ImageManifest: &manifest, ImageTag: aws.String("-x")}, "InvalidParameterException", "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '…"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.in.RepositoryName == nil {
				test.in.RepositoryName = aws.String("app")
			}
			_, err := c.PutImage(c.ctx, &test.in)
			refused(t, err, test.exception, test.message)
		})
	}
	if got := must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds; len(got) != 0 {
		t.Errorf("something refused was stored: %s", showIDs(nil, got))
	}
	// Named by the parameter alone, or by both alike, the type counts.
	image := must(c.PutImage(c.ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &withoutType, ImageManifestMediaType: aws.String(ociManifest)}))(t).Image
	if *image.ImageManifestMediaType != ociManifest {
		t.Errorf("stored as %s", *image.ImageManifestMediaType)
	}
	digest := digestOf(manifest)
	must(c.PutImage(c.ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest, ImageManifestMediaType: aws.String(ociManifest), ImageDigest: &digest}))(t)
}

// API-66: of several things that are wrong with a push, the first is told: the repository, the manifest, the digest, what it refers to, the tag, the quotas.
func TestOrderOfPutImageChecks_API66(t *testing.T) {
	b := &berth{Server: berthtest.Start(t, func(c *server.Config) { c.Quota = []string{"images=1", "tags=1"} }), roots: map[string]*iam.AccessKey{}}
	c := b.root(t, vendor, region).once()
	c.repository(t, "app")
	must(c.PutImageTagMutability(c.ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("app"), ImageTagMutability: "IMMUTABLE"}))(t)
	first := c.imageOf(t, "app", `{"n":1}`)
	c.push(t, "app", first, "taken")
	second := c.imageOf(t, "app", `{"n":2}`)
	lost := strings.ReplaceAll(second, digestOf(`{"n":2}`), digestOf("absent"))
	for _, test := range []struct{ repository, manifest, digest, tag, exception string }{
		{"absent", "{", digestOf("other"), "taken", "RepositoryNotFoundException"},
		{"app", "{", digestOf("other"), "taken", "InvalidParameterException"},
		{"app", lost, digestOf("other"), "taken", "ImageDigestDoesNotMatchException"},
		{"app", lost, digestOf(lost), "taken", "LayersNotFoundException"},
		{"app", indexOf(lost), "", "taken", "ReferencedImagesNotFoundException"},
		{"app", second, "", "taken", "ImageTagAlreadyExistsException"},
		{"app", second, "", "free", "LimitExceededException"},
		{"app", first, "", "free", "LimitExceededException"},
	} {
		in := &ecr.PutImageInput{RepositoryName: &test.repository, ImageManifest: &test.manifest, ImageTag: &test.tag}
		if test.digest != "" {
			in.ImageDigest = &test.digest
		}
		_, err := c.PutImage(c.ctx, in)
		refused(t, err, test.exception, "…")
	}
}

func TestTagsMove_API68_API41_API69_H45(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	setMode := func(mode types.ImageTagMutability, filters ...string) {
		t.Helper()
		in := &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("app"), ImageTagMutability: mode}
		for _, f := range filters {
			in.ImageTagMutabilityExclusionFilters = append(in.ImageTagMutabilityExclusionFilters, types.ImageTagMutabilityExclusionFilter{FilterType: "WILDCARD", Filter: &f})
		}
		must(c.PutImageTagMutability(c.ctx, in))(t)
	}
	put := func(manifest, tag string) error {
		_, err := c.PutImage(c.ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest, ImageTag: &tag})
		return err
	}
	immutable := func(err error, tag string) {
		t.Helper()
		refused(t, err, "ImageTagAlreadyExistsException", "The image tag '"+tag+"' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.")
	}
	one, two := c.imageOf(t, "app", `{"n":1}`), c.imageOf(t, "app", `{"n":2}`)
	names := map[string]string{digestOf(one): "one", digestOf(two): "two"}
	state := func(want string) {
		t.Helper()
		if got := showIDs(names, must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, tag := range []string{"latest", "dev-1"} {
		if err := put(one, tag); err != nil {
			t.Fatal(err)
		}
	}
	// MUTABLE: the tag moves, the former image keeps its other tags or stays untagged.
	for _, tag := range []string{"latest", "dev-1"} {
		if err := put(two, tag); err != nil {
			t.Fatal(err)
		}
	}
	state("two=dev-1 two=latest one=")

	setMode("IMMUTABLE")
	state("two=dev-1 two=latest one=") // what is there stays
	immutable(put(one, "latest"), "latest")
	immutable(put(two, "latest"), "latest") // the same digest again: API-68's choice
	if err := put(one, "v1"); err != nil {  // a new tag may be made, once
		t.Fatal(err)
	}
	immutable(put(two, "v1"), "v1")
	state("two=dev-1 two=latest one=v1")

	setMode("IMMUTABLE_WITH_EXCLUSION", "dev-*", "latest")
	if err := put(one, "dev-1"); err != nil {
		t.Error(err)
	}
	if err := put(one, "latest"); err != nil {
		t.Error(err)
	}
	refused(t, put(one, "latest"), "ImageAlreadyExistsException", "…") // of a mutable tag
	immutable(put(two, "v1"), "v1")

	setMode("MUTABLE_WITH_EXCLUSION", "v*")
	immutable(put(two, "v1"), "v1")
	if err := put(two, "latest"); err != nil {
		t.Error(err)
	}
	state("two=latest one=dev-1 one=v1")

	// Immutability does not stop deletion (API-72), after which the tag is free.
	must(c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: byTag("v1")}))(t)
	if err := put(two, "v1"); err != nil {
		t.Error(err)
	}
	// A filter matches the whole tag.
	setMode("IMMUTABLE_WITH_EXCLUSION", "dev")
	immutable(put(two, "dev-1"), "dev-1")
}

func TestBatchDeleteImage_API72_API73_API56(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	remove := func(ids ...types.ImageIdentifier) *ecr.BatchDeleteImageOutput {
		t.Helper()
		return must(c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: ids}))(t)
	}
	two := c.imageOf(t, "app", `{"n":2}`)
	child := c.imageOf(t, "app", `{"n":"child"}`)
	names := map[string]string{
		c.push(t, "app", two, "a"): "two", c.image(t, "app", "one", "only"): "one", c.push(t, "app", child, ""): "child",
		c.push(t, "app", indexOf(child), "index"): "index",
	}
	c.push(t, "app", two, "b")
	by := map[string]string{}
	for digest, name := range names {
		by[name] = digest
	}
	check := func(out *ecr.BatchDeleteImageOutput, removed string, failures ...string) {
		t.Helper()
		if got := showIDs(names, out.ImageIds); got != removed {
			t.Errorf("removed %q, want %q", got, removed)
		}
		var got []string
		for _, f := range out.Failures {
			got = append(got, showIDs(names, []types.ImageIdentifier{*f.ImageId})+" "+string(f.FailureCode)+": "+*f.FailureReason)
		}
		if strings.Join(got, "; ") != strings.Join(failures, "; ") {
			t.Errorf("failures %q, want %q", got, failures)
		}
	}
	state := func(want string) {
		t.Helper()
		if got := showIDs(names, must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds); got != want {
			t.Errorf("left %q, want %q", got, want)
		}
	}
	state("index=index child= one=only two=a two=b")
	// What names nothing fails by itself.
	check(remove(types.ImageIdentifier{}, byTag("never")[0], byDigest(digestOf("never"))[0], byDigest("nonsense")[0], byTag("-x")[0],
		types.ImageIdentifier{ImageDigest: aws.String(by["one"]), ImageTag: aws.String("a")}, byTag("a")[0]),
		"two=a",
		"= MissingDigestAndTag: Invalid request parameters: both tag and digest cannot be null",
		"nonsense= InvalidImageDigest: Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
		"=-x InvalidImageTag: Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
		"=never ImageNotFound: Requested image not found",
		digestOf("never")+"= ImageNotFound: Requested image not found",
		"one=a ImageTagDoesNotMatchDigest: Requested image tag does not match the image digest")
	state("index=index child= one=only two=b")
	c.push(t, "app", two, "a")
	// With tag and digest the tag alone goes.
	check(remove(types.ImageIdentifier{ImageDigest: aws.String(by["two"]), ImageTag: aws.String("a")}), "two=a")
	c.push(t, "app", two, "a")
	// A digest takes all tags; one entry for each.
	check(remove(byDigest(by["two"])...), "two=a two=b")
	// The last tag takes the image.
	check(remove(byTag("only")...), "one=only")
	state("index=index child=")
	// The child of an index stays as long as the index (H48).
	check(remove(byDigest(by["child"])...), "", "child= ImageReferencedByManifestList: Requested image referenced by manifest list")
	check(remove(byDigest(by["index"])...), "index=index")
	state("child=")
	check(remove(byDigest(by["child"])...), "child=")
	state("")
	// In one call the order of the ids counts.
	c.push(t, "app", child, "")
	c.push(t, "app", indexOf(child), "index")
	check(remove(byDigest(by["index"], by["child"])...), "index=index child=")
	// The child of an index loses its last tag and stays.
	c.push(t, "app", child, "tagged")
	c.push(t, "app", indexOf(child), "index")
	check(remove(byTag("tagged")...), "child=tagged")
	state("index=index child=")
	_, err := c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: byTag(make([]string, 101)...)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageIds…")
}

func TestDeletingASubjectDeletesItsReferrers_API73(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	subject := c.imageOf(t, "app", `{}`, "layer")
	digest := c.push(t, "app", subject, "v1")
	signature := strings.Replace(c.imageOf(t, "app", `{"of":"signature"}`), `"layers"`,
		fmt.Sprintf(`"subject":{"mediaType":"%s","digest":"%s","size":%d},"layers"`, ociManifest, digest, len(subject)), 1)
	c.push(t, "app", signature, "")
	must(c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: byDigest(digest)}))(t)
	if left := must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds; len(left) > 0 {
		t.Errorf("left: %s", showIDs(nil, left))
	}
	// API-66: the subject of a referrer need not exist.
	c.push(t, "app", signature, "")
}
