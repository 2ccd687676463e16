package ecr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func TestListImages_API50_API10_API11(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	empty := must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t)
	if len(empty.ImageIds) != 0 || empty.NextToken != nil {
		t.Errorf("an empty repository lists %v", empty)
	}
	manifest := c.imageOf(t, "app", `{"of":"two tags"}`)
	names := map[string]string{
		c.image(t, "app", "old", "old"): "old", c.image(t, "app", "untagged", ""): "untagged", c.push(t, "app", manifest, "b"): "two",
	}
	c.push(t, "app", manifest, "a")
	list := func(tags types.TagStatus, status types.ImageStatusFilter, size int32) string {
		t.Helper()
		var ids []types.ImageIdentifier
		in := &ecr.ListImagesInput{RepositoryName: aws.String("app"), Filter: &types.ListImagesFilter{TagStatus: tags, ImageStatus: status}, MaxResults: &size}
		for pages := ecr.NewListImagesPaginator(c, in); pages.HasMorePages(); {
			page := must(pages.NextPage(c.ctx))(t)
			if len(page.ImageIds) > int(size) {
				t.Errorf("a page of %d holds %d", size, len(page.ImageIds))
			}
			ids = append(ids, page.ImageIds...)
		}
		return showIDs(names, ids)
	}
	const all = "two=a two=b untagged= old=old"
	for _, size := range []int32{1, 2, 3, 4, 1000} { // a page may end between two tags of one image
		if got := list("", "", size); got != all {
			t.Errorf("in pages of %d: %s", size, got)
		}
	}
	for _, test := range []struct {
		tags   types.TagStatus
		status types.ImageStatusFilter
		want   string
	}{
		{"ANY", "", all}, {"TAGGED", "", "two=a two=b old=old"}, {"UNTAGGED", "", "untagged="},
		{"", "ACTIVE", all}, {"", "ANY", all}, {"", "ARCHIVED", ""}, {"", "ACTIVATING", ""},
	} {
		if got := list(test.tags, test.status, 2); got != test.want {
			t.Errorf("%s, %s: got %q, want %q", test.tags, test.status, got, test.want)
		}
	}
	_, err := c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app"), Filter: &types.ListImagesFilter{TagStatus: "SOME"}})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'filter.tagStatus' failed to satisfy constraint: 'Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]'")
	_, err = c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("absent")})
	refused(t, err, "RepositoryNotFoundException", "The repository with name 'absent' does not exist in the registry with id '111222333444'")
}

func TestDescribeImages_API51_API52_API53(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	small := c.imageOf(t, "app", `{"c":1}`, "12345")
	big := c.imageOf(t, "app", `{"c":22}`, "1234567890", "12345")
	smallDigest, bigDigest := c.push(t, "app", small, "small"), c.push(t, "app", big, "")
	index := c.push(t, "app", indexOf(small, big), "index")
	artifact := c.push(t, "app", strings.Replace(
		strings.Replace(small, `"config"`, `"artifactType":"application/spdx+json","config"`, 1),
		`"layers"`, fmt.Sprintf(`"subject":{"mediaType":"%s","digest":"%s","size":%d},"layers"`, ociManifest, bigDigest, len(big)), 1), "")
	list := c.push(t, "app", strings.Replace(indexOf(small), `"manifests"`, `"artifactType":"application/x-bundle","manifests"`, 1), "list")
	nested := c.push(t, "app", strings.Replace(indexOf(indexOf(small, big)), ociManifest, ociIndex, 1), "nested")
	got := map[string]types.ImageDetail{}
	for _, d := range must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app")}))(t).ImageDetails {
		got[*d.ImageDigest] = d
		if *d.RegistryId != vendor || *d.RepositoryName != "app" || d.ImageStatus != types.ImageStatusActive || time.Since(*d.ImagePushedAt).Abs() > time.Hour {
			t.Errorf("%s: %+v", *d.ImageDigest, d)
		}
		if d.LastRecordedPullTime != nil || d.ImageScanStatus != nil || d.ImageScanFindingsSummary != nil || d.LastArchivedAt != nil || d.LastActivatedAt != nil {
			t.Errorf("%s says of itself what never happened: %+v", *d.ImageDigest, d)
		}
	}
	for digest, want := range map[string]string{
		smallDigest: fmt.Sprint([]string{"small"}, 7+5, ociManifest, "application/vnd.oci.image.config.v1+json", ""),
		bigDigest:   fmt.Sprint([]string(nil), 8+10+5, ociManifest, "application/vnd.oci.image.config.v1+json", ""),
		index:       fmt.Sprint([]string{"index"}, 8+10+5, ociIndex, "", ""), // its largest child
		artifact:    fmt.Sprint([]string(nil), 7+5, ociManifest, "application/spdx+json", bigDigest),
		list:        fmt.Sprint([]string{"list"}, 7+5, ociIndex, "application/x-bundle", ""),
		nested:      fmt.Sprint([]string{"nested"}, 8+10+5, ociIndex, "", ""),
	} {
		d := got[digest]
		if is := fmt.Sprint(d.ImageTags, aws.ToInt64(d.ImageSizeInBytes), aws.ToString(d.ImageManifestMediaType), aws.ToString(d.ArtifactMediaType), aws.ToString(d.SubjectManifestDigest)); is != want {
			t.Errorf("%s:\n got %s\nwant %s", digest, is, want)
		}
	}
}

func TestDescribeImagesByID_API51_API10(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	one, two := c.image(t, "app", "one", "v1"), c.image(t, "app", "two", "")
	describe := func(ids ...types.ImageIdentifier) (*ecr.DescribeImagesOutput, error) {
		return c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), ImageIds: ids})
	}
	got := must(describe(append(byTag("v1"), byDigest(two, one)...)...))(t) // one entry for each digest, however often it is named
	if len(got.ImageDetails) != 2 || *got.ImageDetails[0].ImageDigest != one || *got.ImageDetails[1].ImageDigest != two || got.NextToken != nil {
		t.Errorf("got %+v", got.ImageDetails)
	}
	must(describe(types.ImageIdentifier{ImageDigest: &one, ImageTag: aws.String("v1")}))(t)

	missing := func(digest, tag string) string {
		return "The image with imageId {imageDigest:'" + digest + "', imageTag:'" + tag + "'} does not exist within the repository with name 'app' in the registry with id '111222333444'"
	}
	absent, sha512 := digestOf("absent"), "sha512:"+strings.Repeat("a", 128)
	for _, test := range []struct {
		id      types.ImageIdentifier
		message string
	}{
		{byTag("v2")[0], missing("null", "v2")},
		{byDigest(absent)[0], missing(absent, "null")},
		{byDigest(sha512)[0], missing(sha512, "null")},
		{types.ImageIdentifier{ImageDigest: &two, ImageTag: aws.String("v1")}, missing(two, "v1")},
	} {
		_, err := describe(append(byTag("v1"), test.id)...)
		refused(t, err, "ImageNotFoundException", test.message)
	}
	_, err := describe(types.ImageIdentifier{})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageIds' failed to satisfy constraint: '…")
	_, err = describe(byDigest("nonsense")...)
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+''")
	_, err = describe(byTag(make([]string, 101)...)...)
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageIds…")

	_, err = c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), ImageIds: byTag("v1"), MaxResults: aws.Int32(10)})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed…")
	_, err = c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), ImageIds: byTag("v1"), NextToken: aws.String("x")})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed…")

	filtered := must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), ImageIds: byDigest(one, two),
		Filter: &types.DescribeImagesFilter{TagStatus: types.TagStatusUntagged}}))(t).ImageDetails
	if len(filtered) != 1 || *filtered[0].ImageDigest != two {
		t.Errorf("of two, the untagged one: %+v", filtered)
	}
}

func TestDescribeImagesInPages_API10_API11(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	var want []string
	for i := range 7 {
		tag := ""
		if i%2 == 0 {
			tag = fmt.Sprint("v", i)
		}
		want = append([]string{c.image(t, "app", fmt.Sprint(i), tag)}, want...) // the newest first
	}
	page := func(size int32, tags types.TagStatus) (got []string) {
		in := &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), MaxResults: &size, Filter: &types.DescribeImagesFilter{TagStatus: tags}}
		for pages := ecr.NewDescribeImagesPaginator(c, in); pages.HasMorePages(); {
			page := must(pages.NextPage(c.ctx))(t)
			if len(page.ImageDetails) > int(size) {
				t.Errorf("a page of %d holds %d", size, len(page.ImageDetails))
			}
			for _, d := range page.ImageDetails {
				got = append(got, *d.ImageDigest)
			}
		}
		return got
	}
	for _, size := range []int32{1, 3, 7, 1000} {
		if got := page(size, "ANY"); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", size, got, want)
		}
	}
	if got := page(2, "UNTAGGED"); !slices.Equal(got, []string{want[1], want[3], want[5]}) {
		t.Errorf("untagged: %v", got)
	}
	if got := page(2, "TAGGED"); !slices.Equal(got, []string{want[0], want[2], want[4], want[6]}) {
		t.Errorf("tagged: %v", got)
	}
	archived := must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), Filter: &types.DescribeImagesFilter{ImageStatus: "ARCHIVED"}}))(t)
	if len(archived.ImageDetails) != 0 {
		t.Errorf("archived: %v", archived.ImageDetails)
	}
}

func TestBatchGetImage_API55_API56_H50(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	manifest := c.imageOf(t, "app", `{}`, "ä <layer> & more")
	manifest = strings.Replace(manifest, `"layers"`, `"annotations":{"note":"ä <b> & \u003c  \""},  "layers"`, 1) // bytes that an encoder would like to change
	digest := c.push(t, "app", manifest, "v1")
	other := c.image(t, "app", "other", "v2")
	absent, sha512 := digestOf("absent"), "sha512:"+strings.Repeat("a", 128)
	ids := slices.Concat(byTag("v1"), byDigest(digest), []types.ImageIdentifier{{ImageDigest: &digest, ImageTag: aws.String("v1")}},
		byTag("v9"), byDigest(absent, sha512, "nonsense"), []types.ImageIdentifier{{}, {ImageDigest: &other, ImageTag: aws.String("v1")}, {ImageDigest: &other, ImageTag: aws.String("v9")}}, byTag("-x"))
	got := must(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: ids, AcceptedMediaTypes: []string{dockerManifest}}))(t)
	names := map[string]string{digest: "image", absent: "absent", sha512: "sha512", other: "other"}
	var images []types.ImageIdentifier
	for _, i := range got.Images {
		images = append(images, *i.ImageId)
		if *i.ImageManifest != manifest || *i.ImageManifestMediaType != ociManifest || *i.RegistryId != vendor || *i.RepositoryName != "app" {
			t.Errorf("image %+v", i)
		}
	}
	if is := showIDs(names, images); is != "image=v1 image= image=v1" {
		t.Errorf("images %s", is)
	}
	var failures []string
	for _, f := range got.Failures {
		failures = append(failures, showIDs(names, []types.ImageIdentifier{*f.ImageId})+" "+string(f.FailureCode)+": "+*f.FailureReason)
	}
	want := []string{
		"=v9 ImageNotFound: Requested image not found",
		"absent= ImageNotFound: Requested image not found",
		"sha512= ImageNotFound: Requested image not found",
		"nonsense= InvalidImageDigest: Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
		"= MissingDigestAndTag: Invalid request parameters: both tag and digest cannot be null",
		"other=v1 ImageTagDoesNotMatchDigest: Requested image tag does not match the image digest",
		"other=v9 ImageNotFound: Requested image not found",
		"=-x InvalidImageTag: Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
	}
	if !slices.Equal(failures, want) {
		t.Errorf("failures:\n%s\nwant:\n%s", strings.Join(failures, "\n"), strings.Join(want, "\n"))
	}
	for n, message := range map[int]string{0: "greater than or equal to 1'", 101: "less than or equal to 100'"} {
		_, err := c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: byDigest(slices.Repeat([]string{digest}, n)...)})
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageIds' failed to satisfy constraint: 'Member must have length "+message)
	}
}

func TestPullsAreRecorded_API54(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	pulled, other := c.image(t, "app", "pulled", "v1"), c.image(t, "app", "other", "v2")
	must(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: byTag("v1")}))(t)
	lastPull := func(digest string) *time.Time {
		return must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), ImageIds: byDigest(digest)}))(t).ImageDetails[0].LastRecordedPullTime
	}
	// Times of pulls are written in batches.
	for end := time.Now().Add(time.Minute); lastPull(pulled) == nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the pull was not recorded")
		}
	}
	if at := lastPull(pulled); time.Since(*at).Abs() > time.Hour {
		t.Errorf("pulled at %v", at)
	}
	if at := lastPull(other); at != nil {
		t.Errorf("the other image was pulled at %v", at)
	}
}

func TestAnswersOfManyLargeManifestsAreBounded_H41(t *testing.T) {
	c := start(t).root(t, vendor, region).once()
	c.repository(t, "app")
	manifest := c.imageOf(t, "app", `{}`)
	manifest = strings.Replace(manifest, `"layers"`, `"annotations":{"a":"`+strings.Repeat("a", 4<<20-1-len(manifest)-30)+`"},"layers"`, 1)
	digest := c.push(t, "app", manifest, "v1")
	must(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: byDigest(slices.Repeat([]string{digest}, 4)...)}))(t)
	_, err := c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: byDigest(slices.Repeat([]string{digest}, 100)...)})
	refused(t, err, "LimitExceededException", "The manifests of the requested images are together larger than 16777216 bytes; request fewer")
}
