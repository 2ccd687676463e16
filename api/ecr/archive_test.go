package ecr_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// What a client sees of an archived image: in the answer, in lists, when it pulls, and of its layers; and how it comes back (API-75, API-57, API-71, LC-35, LC-37).
func TestUpdateImageStorageClass_API75_LC35(t *testing.T) {
	c := start(t).root(t, vendor, region)
	repository := aws.String(c.repository(t, "app"))
	manifest := c.imageOf(t, "app", `{"of":"it"}`, "a layer")
	digest := c.push(t, "app", manifest, "v1")
	sbom := c.push(t, "app", strings.Replace(manifest, `"layers"`, `"artifactType":"application/spdx+json","subject":{"mediaType":"`+ociManifest+`","digest":"`+digest+`","size":1},"layers"`, 1), "")
	update := func(id types.ImageIdentifier, class types.TargetStorageClass) (*ecr.UpdateImageStorageClassOutput, error) {
		return c.UpdateImageStorageClass(c.ctx, &ecr.UpdateImageStorageClassInput{RepositoryName: repository, ImageId: &id, TargetStorageClass: class})
	}
	_, err := update(byTag("v1")[0], types.TargetStorageClassStandard)
	refused(t, err, "ImageStorageClassUpdateNotSupportedException", "The image with digest '"+digest+"' in the repository with name 'app' is not archived")
	_, err = update(byTag("none")[0], types.TargetStorageClassArchive)
	refused(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'none'} does not exist within the repository with name 'app' in the registry with id '111222333444'")
	_, err = update(types.ImageIdentifier{}, types.TargetStorageClassArchive)
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageIds' failed to satisfy constraint: 'both tag and digest cannot be null'")

	out := must(update(byTag("v1")[0], types.TargetStorageClassArchive))(t)
	if out.ImageStatus != types.ImageStatusArchived || *out.ImageId.ImageDigest != digest || *out.ImageId.ImageTag != "v1" || *out.RegistryId != vendor || *out.RepositoryName != "app" {
		t.Errorf("%+v", out)
	}
	list := func(status types.ImageStatusFilter) (ids string, details []types.ImageDetail) {
		t.Helper()
		names := map[string]string{digest: "it", sbom: "sbom"}
		listed := must(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: repository, Filter: &types.ListImagesFilter{ImageStatus: status}}))(t)
		described := must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: repository, Filter: &types.DescribeImagesFilter{ImageStatus: status}}))(t)
		return showIDs(names, listed.ImageIds), described.ImageDetails
	}
	for status, want := range map[types.ImageStatusFilter]string{"": "", "ACTIVE": "", "ACTIVATING": "", "ARCHIVED": "sbom= it=v1", "ANY": "sbom= it=v1"} {
		ids, details := list(status)
		if ids != want || len(details) != len(strings.Fields(want)) {
			t.Errorf("%s: %s, %v", status, ids, details)
		}
		for _, d := range details {
			if d.ImageStatus != types.ImageStatusArchived || d.LastArchivedAt == nil || d.LastActivatedAt != nil {
				t.Errorf("%s: %+v", status, d)
			}
		}
	}
	got := must(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: repository, ImageIds: append(byTag("v1", "none"), byDigest(digest)...)}))(t)
	if len(got.Images) != 0 || len(got.Failures) != 3 || got.Failures[0].FailureCode != types.ImageFailureCodeImageInaccessible ||
		got.Failures[1].FailureCode != types.ImageFailureCodeImageNotFound || got.Failures[2].FailureCode != types.ImageFailureCodeImageInaccessible {
		t.Errorf("%+v", got)
	}
	layer := aws.String(digestOf("a layer"))
	availability := func() types.LayerAvailability {
		t.Helper()
		l := must(c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: repository, LayerDigests: []string{*layer}}))(t).Layers[0]
		if *l.LayerSize != 7 {
			t.Errorf("%+v", l)
		}
		return l.LayerAvailability
	}
	if a := availability(); a != types.LayerAvailabilityArchived {
		t.Error(a)
	}
	_, err = c.GetDownloadUrlForLayer(c.ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: repository, LayerDigest: layer})
	refused(t, err, "LayerInaccessibleException", "The layer with digest '"+*layer+"' in the repository with name 'app' in the registry with id '111222333444' is used by archived images only")
	referrers := func(f types.ListImageReferrersFilter) int {
		t.Helper()
		found := must(c.ListImageReferrers(c.ctx, &ecr.ListImageReferrersInput{RepositoryName: repository, SubjectId: &types.SubjectIdentifier{ImageDigest: &digest}, Filter: &f}))(t).Referrers
		for _, r := range found {
			if r.ArtifactStatus != types.ArtifactStatusArchived {
				t.Errorf("%+v", r)
			}
		}
		return len(found)
	}
	if n, of := referrers(types.ListImageReferrersFilter{}), referrers(types.ListImageReferrersFilter{ArtifactStatus: "ARCHIVED"}); n != 0 || of != 1 {
		t.Error(n, of) // API-59
	}

	if out = must(update(byDigest(digest)[0], types.TargetStorageClassStandard))(t); out.ImageStatus != types.ImageStatusActivating || out.ImageId.ImageTag != nil {
		t.Errorf("%+v", out)
	}
	if ids, details := list(""); ids != "sbom= it=v1" || details[1].LastActivatedAt == nil || details[1].LastArchivedAt == nil || details[1].ImageStatus != types.ImageStatusActive {
		t.Errorf("%s %+v", ids, details)
	}
	if a := availability(); a != types.LayerAvailabilityAvailable {
		t.Error(a)
	}
	// The same push again is a mistake (API-67), but not of an archived image.
	must(update(byTag("v1")[0], types.TargetStorageClassArchive))(t)
	c.push(t, "app", manifest, "v1")
	_, err = c.PutImage(c.ctx, &ecr.PutImageInput{RepositoryName: repository, ImageManifest: &manifest, ImageTag: aws.String("v1")})
	refused(t, err, "ImageAlreadyExistsException", "Image with digest '"+digest+"' and tag 'v1' already exists in the repository with name 'app' in registry with id '111222333444'")
}
