package ecr_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// upload is one upload in progress.
type upload struct {
	caller
	repository string
	id         *string
}

func (c caller) begin(t *testing.T, repository string) upload {
	t.Helper()
	return upload{c, repository, must(c.InitiateLayerUpload(c.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: &repository}))(t).UploadId}
}

func (u upload) part(first, last int64, content []byte) (*ecr.UploadLayerPartOutput, error) {
	return u.UploadLayerPart(u.ctx, &ecr.UploadLayerPartInput{
		RepositoryName: &u.repository, UploadId: u.id, PartFirstByte: &first, PartLastByte: &last, LayerPartBlob: content,
	})
}

func (u upload) complete(digests ...string) (*ecr.CompleteLayerUploadOutput, error) {
	return u.CompleteLayerUpload(u.ctx, &ecr.CompleteLayerUploadInput{RepositoryName: &u.repository, UploadId: u.id, LayerDigests: digests})
}

func TestUploadInParts_API60_API61_API62(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	begun := must(c.InitiateLayerUpload(c.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String("app")}))(t)
	if *begun.PartSize != 10485760 || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(*begun.UploadId) { // API-25
		t.Errorf("partSize %d, uploadId %s", *begun.PartSize, *begun.UploadId)
	}
	u := upload{c, "app", begun.UploadId}
	// Parts of 5 MiB, of 20 MiB (as much as the model lets one have), and a short last one.
	content := bytes.Repeat([]byte("0123456789abcdef"), (25<<20)/16)
	content = append(content, "the end"...)
	first := int64(0)
	for _, size := range []int64{5 << 20, 20 << 20, 7} {
		got := must(u.part(first, first+size-1, content[first:first+size]))(t)
		if *got.LastByteReceived != first+size-1 || *got.UploadId != *u.id || *got.RegistryId != vendor || *got.RepositoryName != "app" {
			t.Errorf("answer to the part at %d: %d, %s", first, *got.LastByteReceived, *got.UploadId)
		}
		first += size
	}
	digest := digestOf(string(content))
	done := must(u.complete(digest))(t)
	if *done.LayerDigest != digest || *done.UploadId != *u.id || *done.RegistryId != vendor || *done.RepositoryName != "app" {
		t.Errorf("answer %+v", done)
	}
	there := must(c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("app"), LayerDigests: []string{digest}}))(t)
	if l := there.Layers[0]; l.LayerAvailability != types.LayerAvailabilityAvailable || *l.LayerSize != int64(len(content)) {
		t.Errorf("the layer is %+v", l)
	}
	_, err := u.complete(digestOf("of an upload that is over"))
	refused(t, err, "UploadNotFoundException", "…")
}

func TestPartsOutOfOrder_API60_H20_H27(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	u := c.begin(t, "app")
	wrong := func(err error, message string, last int64) {
		t.Helper()
		refused(t, err, "InvalidLayerPartException", message)
		var e *types.InvalidLayerPartException
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		if aws.ToInt64(e.LastValidByteReceived) != last || aws.ToString(e.UploadId) != *u.id || aws.ToString(e.RegistryId) != vendor || aws.ToString(e.RepositoryName) != "app" {
			t.Errorf("members: lastValidByteReceived %v, uploadId %v, registryId %v, repositoryName %v",
				aws.ToInt64(e.LastValidByteReceived), aws.ToString(e.UploadId), aws.ToString(e.RegistryId), aws.ToString(e.RepositoryName))
		}
	}
	_, err := u.part(10, 19, make([]byte, 10))
	wrong(err, "First byte of the layer part is 10 instead of 0", -1)
	must(u.part(0, 9, []byte("0123456789")))(t)
	_, err = u.part(0, 9, []byte("0123456789")) // again
	wrong(err, "First byte of the layer part is 0 instead of 10", 9)
	_, err = u.part(20, 29, make([]byte, 10)) // a gap
	wrong(err, "First byte of the layer part is 20 instead of 10", 9)
	_, err = u.part(10, 20, []byte("abc")) // not as long as it says
	wrong(err, "…", 9)
	_, err = u.part(10, 9, []byte{})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'layerPartBlob' failed to satisfy constraint: 'Member must have length greater than or equal to 1'")
	_, err = u.part(10, 10+(20<<20), make([]byte, 20<<20+1))
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'layerPartBlob' failed to satisfy constraint: 'Member must have length less than or equal to 20971520'")
	_, err = u.part(-1, 9, make([]byte, 11))
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'partFirstByte' failed to satisfy constraint: 'Member must have value greater than or equal to 0'")
	must(u.complete(digestOf("0123456789")))(t) // nothing of what was refused is in it
}

func TestCompleteRefuses_API61_API62_H28(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	c.repository(t, "other")

	t.Run("nothing uploaded", func(t *testing.T) {
		_, err := c.begin(t, "app").complete(digestOf(""))
		refused(t, err, "EmptyUploadException", "…")
	})
	t.Run("another digest", func(t *testing.T) {
		u := c.begin(t, "app")
		must(u.part(0, 3, []byte("data")))(t)
		_, err := u.complete(digestOf("other data"))
		refused(t, err, "InvalidLayerException", "…")
		for _, digest := range []string{digestOf("data"), digestOf("other data")} {
			l := must(c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("app"), LayerDigests: []string{digest}}))(t).Layers[0]
			if l.LayerAvailability != types.LayerAvailabilityUnavailable {
				t.Errorf("%s is there", digest)
			}
		}
	})
	t.Run("a small part that is not the last", func(t *testing.T) {
		u := c.begin(t, "app")
		must(u.part(0, 3, []byte("some")))(t)
		must(u.part(4, 7, []byte("more")))(t)
		_, err := u.complete(digestOf("somemore"))
		refused(t, err, "LayerPartTooSmallException", "All layer parts except the last part should be at least 5MB")
	})
	t.Run("a layer that is there", func(t *testing.T) {
		c.layer(t, "app", "twice")
		u := c.begin(t, "app")
		must(u.part(0, 4, []byte("twice")))(t)
		_, err := u.complete(digestOf("twice"))
		refused(t, err, "LayerAlreadyExistsException", "The layer with digest '"+digestOf("twice")+"' already exists in the repository with name 'app' in the registry with id '111222333444'")
	})
	t.Run("not one digest", func(t *testing.T) {
		u := c.begin(t, "app")
		must(u.part(0, 3, []byte("data")))(t)
		_, err := u.complete(digestOf("data"), digestOf("data"))
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'Member must have length equal to 1'")
		_, err = u.complete([]string{}...)
		refused(t, err, "InvalidParameterException", "…")
		for _, digest := range []string{"", "sha256:x", strings.ToUpper(digestOf("data")), "sha512:" + strings.Repeat("a", 128), "sha256:" + strings.Repeat("a", 63)} {
			_, err = u.complete(digest)
			refused(t, err, "InvalidParameterException", "Invalid parameter at 'layerDigests…")
		}
		must(u.complete(digestOf("data")))(t) // the upload has survived all of it
	})
	t.Run("an upload of elsewhere", func(t *testing.T) { // H25: the same for what never was, what belongs to another repository, and what is over
		u := c.begin(t, "app")
		must(u.part(0, 3, []byte("here")))(t)
		stolen := upload{c, "other", u.id}
		_, err := stolen.complete(digestOf("here"))
		refused(t, err, "UploadNotFoundException", "…")
		_, err = stolen.part(4, 7, []byte("more"))
		refused(t, err, "UploadNotFoundException", "…")
		_, err = upload{c, "app", aws.String("8f3c2a54-6a64-4e8c-9d0f-0a6a1f2b3c4d")}.complete(digestOf("here"))
		refused(t, err, "UploadNotFoundException", "…")
		_, err = upload{c, "app", aws.String("../../x")}.complete(digestOf("here"))
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'uploadId' failed to satisfy constraint: 'must satisfy regular expression '…")
		must(u.complete(digestOf("here")))(t)
	})
}

func TestLayersBelongToTheirRepository_API57_API63_H32(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	c.repository(t, "other")
	here, elsewhere := c.layer(t, "app", "here"), c.layer(t, "other", "elsewhere")
	absent, sha512 := digestOf("nowhere"), "sha512:"+strings.Repeat("a", 128)
	got := must(c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{
		RepositoryName: aws.String("app"), LayerDigests: []string{here, elsewhere, "", absent, "nonsense", sha512},
	}))(t)
	for i, want := range []struct {
		digest       string
		availability types.LayerAvailability
		size         int64
	}{{here, "AVAILABLE", 4}, {elsewhere, "UNAVAILABLE", -1}, {absent, "UNAVAILABLE", -1}, {sha512, "UNAVAILABLE", -1}} {
		if i >= len(got.Layers) {
			t.Fatalf("%d layers", len(got.Layers))
		}
		size := int64(-1)
		if got.Layers[i].LayerSize != nil {
			size = *got.Layers[i].LayerSize
		}
		if *got.Layers[i].LayerDigest != want.digest || got.Layers[i].LayerAvailability != want.availability || size != want.size {
			t.Errorf("layer %d: %s %s %d, want %v", i, *got.Layers[i].LayerDigest, got.Layers[i].LayerAvailability, size, want)
		}
	}
	if len(got.Failures) != 2 || got.Failures[0].FailureCode != types.LayerFailureCodeMissingLayerDigest ||
		got.Failures[1].FailureCode != types.LayerFailureCodeInvalidLayerDigest || *got.Failures[1].LayerDigest != "nonsense" {
		t.Errorf("failures %+v", got.Failures)
	}
	// A layer that an image uses is of the type that the image says.
	config := `{"of":"types"}`
	c.push(t, "app", c.imageOf(t, "app", config, "used"), "v1")
	types := must(c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("app"), LayerDigests: []string{digestOf(config), digestOf("used"), here, absent}}))(t)
	for i, want := range []string{"application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar", "", ""} {
		if got := aws.ToString(types.Layers[i].MediaType); got != want {
			t.Errorf("layer %d is %s, want %s", i, got, want)
		}
	}
	for n, message := range map[int]string{0: "greater than or equal to 1'", 101: "less than or equal to 100'"} {
		_, err := c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("app"), LayerDigests: make([]string, n)})
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'Member must have length "+message)
	}
	_, err := c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("absent"), LayerDigests: []string{here}})
	refused(t, err, "RepositoryNotFoundException", "The repository with name 'absent' does not exist in the registry with id '111222333444'")
}

func TestGetDownloadUrlForLayer_API58(t *testing.T) {
	var later atomic.Int64 // how far the server's clock is ahead
	b := startAt(t, func() time.Time { return time.Now().Add(time.Duration(later.Load())) })
	c := b.root(t, vendor, region)
	c.repository(t, "app")
	c.image(t, "app", "one", "v1")
	const content = "layer of one"
	digest, loose := digestOf(content), c.layer(t, "app", "used by no image")
	get := func(digest string) (*ecr.GetDownloadUrlForLayerOutput, error) {
		return c.GetDownloadUrlForLayer(c.ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &digest})
	}
	got := must(get(digest))(t)
	if *got.LayerDigest != digest {
		t.Errorf("layerDigest %s", *got.LayerDigest)
	}
	// The URL needs no credentials, and knows ranges and HEAD.
	fetch := func(method, url, bytes string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if bytes != "" {
			r.Header.Set("Range", "bytes="+bytes)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode, string(must(io.ReadAll(answer.Body))(t))
	}
	for _, test := range []struct {
		method, bytes string
		status        int
		body          string
	}{{"GET", "", 200, content}, {"HEAD", "", 200, ""}, {"GET", "6-7", 206, content[6:8]}, {"GET", "-3", 206, content[len(content)-3:]}} {
		if status, body := fetch(test.method, *got.DownloadUrl, test.bytes); status != test.status || body != test.body {
			t.Errorf("%s %s: %d %q", test.method, test.bytes, status, body)
		}
	}
	// A byte altered, it opens nothing.
	altered := []byte(*got.DownloadUrl)
	altered[len(altered)-9] ^= 1
	if status, body := fetch("GET", string(altered), ""); status < 400 || strings.Contains(body, content) {
		t.Errorf("altered: %d %s", status, body)
	}
	later.Store(int64(59 * time.Minute))
	if status, _ := fetch("GET", *got.DownloadUrl, ""); status != 200 {
		t.Errorf("after 59 minutes: %d", status)
	}
	later.Store(int64(61 * time.Minute))
	if status, body := fetch("GET", *got.DownloadUrl, ""); status != 403 || strings.Contains(body, content) {
		t.Errorf("after 61 minutes: %d %s", status, body)
	}
	later.Store(0)

	_, err := get(digestOf("absent"))
	refused(t, err, "LayersNotFoundException", "The layer with digest '"+digestOf("absent")+"' does not exist in the repository with name 'app' in the registry with id '111222333444'")
	_, err = get(loose)
	refused(t, err, "LayerInaccessibleException", "…")
	for _, bad := range []string{"", "sha256:../../etc/passwd", "sha512:" + strings.Repeat("a", 128)} { // H05, H06
		_, err = get(bad)
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'layerDigest' failed to satisfy constraint: '…")
	}
	// The URL dies with the repository, and does not live again with another of its name.
	must(c.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app"), Force: true}))(t)
	c.repository(t, "app")
	c.image(t, "app", "one", "v1")
	if status, body := fetch("GET", *got.DownloadUrl, ""); status < 400 || strings.Contains(body, content) {
		t.Errorf("after the repository: %d %s", status, body)
	}
}
