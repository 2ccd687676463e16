package ecr_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// profile makes a signing profile in the caller's account and region.
func (c caller) profile(t *testing.T, region, name string) (arn string) {
	t.Helper()
	resp, body := c.berth.Call(t, c.as, "berth", region, "Berth_20261122", "CreateSigningProfile", `{"name":"`+name+`"}`)
	var out struct{ Profile struct{ Arn string } }
	if err := json.Unmarshal(body, &out); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", resp.Status, body)
	}
	return out.Profile.Arn
}

func TestSigningConfiguration_API78_API27(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	missing := "Signing configuration does not exist in the registry with id '111222333444'"
	_, err := c.GetSigningConfiguration(c.ctx, &ecr.GetSigningConfigurationInput{})
	refused(t, err, "SigningConfigurationNotFoundException", missing)
	_, err = c.DeleteSigningConfiguration(c.ctx, &ecr.DeleteSigningConfigurationInput{})
	refused(t, err, "SigningConfigurationNotFoundException", missing)

	release := c.profile(t, region, "release")
	if release != "arn:aws:signer:us-east-2:111222333444:/signing-profiles/release" {
		t.Error(release)
	}
	config := &types.SigningConfiguration{Rules: []types.SigningRule{{SigningProfileArn: &release}, {
		SigningProfileArn: &release, RepositoryFilters: []types.SigningRepositoryFilter{{Filter: aws.String("prod/*"), FilterType: types.SigningRepositoryFilterTypeWildcardMatch}},
	}}}
	same := func(got *types.SigningConfiguration) {
		t.Helper()
		want, _ := json.Marshal(config)
		if text, _ := json.Marshal(got); string(text) != string(want) {
			t.Errorf("%s\n%s", text, want)
		}
	}
	same(must(c.PutSigningConfiguration(c.ctx, &ecr.PutSigningConfigurationInput{SigningConfiguration: config}))(t).SigningConfiguration)
	got := must(c.GetSigningConfiguration(c.ctx, &ecr.GetSigningConfigurationInput{}))(t)
	same(got.SigningConfiguration)
	if *got.RegistryId != vendor {
		t.Error(*got.RegistryId)
	}
	for _, other := range []caller{b.root(t, vendor, "us-west-2"), b.root(t, stranger, region)} { // another region, another account
		_, err := other.GetSigningConfiguration(c.ctx, &ecr.GetSigningConfigurationInput{})
		refused(t, err, "SigningConfigurationNotFoundException", "Signing configuration does not exist…")
	}
	put := func(profile string, filters ...string) error {
		rule := types.SigningRule{SigningProfileArn: &profile}
		for _, f := range filters {
			rule.RepositoryFilters = append(rule.RepositoryFilters, types.SigningRepositoryFilter{Filter: aws.String(f), FilterType: types.SigningRepositoryFilterTypeWildcardMatch})
		}
		_, err := c.PutSigningConfiguration(c.ctx, &ecr.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{rule}}})
		return err
	}
	elsewhere := b.root(t, vendor, "us-west-2").profile(t, "us-west-2", "release")
	refused(t, put(elsewhere), "ValidationException", "The region of signing profile ARN '"+elsewhere+"' is 'us-west-2' but must be 'us-east-2' (the current region)")
	refused(t, put(strings.Replace(release, "release", "absent", 1)), "ValidationException", "The signing profile with ARN 'arn:aws:signer:us-east-2:111222333444:/signing-profiles/absent' does not exist")
	refused(t, put("release"), "InvalidParameterException", "Invalid parameter at 'signingConfiguration.rules…")
	refused(t, put(release, "Prod"), "InvalidParameterException", "Invalid parameter at 'signingConfiguration.rules…")
	refused(t, put(release, slices.Repeat([]string{"a/*"}, 101)...), "InvalidParameterException", "Invalid parameter at 'signingConfiguration.rules.1.member.repositoryFilters' failed to satisfy constraint: 'Member must have length less than or equal to 100'")
	_, err = c.PutSigningConfiguration(c.ctx, &ecr.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: slices.Repeat(config.Rules[:1], 11)}})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'signingConfiguration.rules' failed to satisfy constraint: 'Member must have length less than or equal to 10'")
	same(must(c.GetSigningConfiguration(c.ctx, &ecr.GetSigningConfigurationInput{}))(t).SigningConfiguration) // what was refused changed nothing
	same(must(c.DeleteSigningConfiguration(c.ctx, &ecr.DeleteSigningConfigurationInput{}))(t).SigningConfiguration)
	_, err = c.GetSigningConfiguration(c.ctx, &ecr.GetSigningConfigurationInput{})
	refused(t, err, "SigningConfigurationNotFoundException", missing)

	nobody := b.user(t, vendor, region, "nobody", "")
	_, err = nobody.PutSigningConfiguration(c.ctx, &ecr.PutSigningConfigurationInput{SigningConfiguration: config})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::111222333444:user/nobody is not authorized to perform: ecr:PutSigningConfiguration on resource: * because…")
}

// Every member of what DescribeImages says of an image that was pulled and signed, and of its signature (API-51, API-53, API-54, API-78).
func TestDescribeImagesThatAreSignedAndPulled_API51_API78(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	release := c.profile(t, region, "release")
	must(c.PutSigningConfiguration(c.ctx, &ecr.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{{SigningProfileArn: &release}}}}))(t)
	digest := c.image(t, "app", "one", "v1")
	must(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String("app"), ImageIds: byTag("v1")}))(t)
	describe := func() []types.ImageDetail {
		return must(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("app")}))(t).ImageDetails
	}
	var list []types.ImageDetail
	for end := time.Now().Add(time.Minute); len(list) != 2 || list[1].LastRecordedPullTime == nil; list = describe() { // a worker signs, and pulls are written in batches
		if time.Now().After(end) {
			t.Fatalf("%+v", list)
		}
		time.Sleep(20 * time.Millisecond)
	}
	signature, image := list[0], list[1]
	if got := set(image); got != "ArtifactMediaType ImageDigest ImageManifestMediaType ImagePushedAt ImageSizeInBytes ImageStatus ImageTags LastRecordedPullTime RegistryId RepositoryName" || *image.ImageDigest != digest {
		t.Errorf("the image has %s: %+v", got, image)
	}
	if got := set(signature); got != "ArtifactMediaType ImageDigest ImageManifestMediaType ImagePushedAt ImageSizeInBytes ImageStatus RegistryId RepositoryName SubjectManifestDigest" ||
		*signature.SubjectManifestDigest != digest || *signature.ArtifactMediaType != "application/vnd.cncf.notary.signature" || *signature.ImageManifestMediaType != ociManifest || *signature.ImageSizeInBytes == 0 {
		t.Errorf("the signature has %s: %+v", got, signature)
	}
}

func TestDescribeImageSigningStatus_API78(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	digest := c.image(t, "app", "one", "v1")
	describe := func(repository string, id types.ImageIdentifier) (*ecr.DescribeImageSigningStatusOutput, error) {
		return c.DescribeImageSigningStatus(c.ctx, &ecr.DescribeImageSigningStatusInput{RepositoryName: &repository, ImageId: &id})
	}
	out := must(describe("app", types.ImageIdentifier{ImageTag: aws.String("v1")}))(t)
	if out.SigningStatuses == nil || len(out.SigningStatuses) != 0 || *out.ImageId.ImageDigest != digest || *out.RepositoryName != "app" {
		t.Errorf("%+v", out)
	}
	_, err := describe("absent", types.ImageIdentifier{ImageTag: aws.String("v1")})
	refused(t, err, "RepositoryNotFoundException", "The repository with name 'absent'…")
	_, err = describe("app", types.ImageIdentifier{ImageTag: aws.String("v2")})
	refused(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'v2'} does not exist within the repository with name 'app' in the registry with id '111222333444'")
	_, err = describe("app", types.ImageIdentifier{})
	refused(t, err, "InvalidParameterException", "Invalid parameter at 'imageIds' failed…")
}
