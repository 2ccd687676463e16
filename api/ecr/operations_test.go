package ecr_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// API-39, API-76: each operation that is about a repository says in ECR's words that there is none, and of one in another account's registry not even that (API-28).
func TestOperationsOnRepositoriesThatAreNotThere_API28_API39_API76(t *testing.T) {
	b := start(t)
	root, other := b.root(t, vendor, region), b.root(t, customer, region)
	name, digest := aws.String("absent"), digestOf("absent")
	policy := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`)
	resource := aws.String("arn:aws:ecr:us-east-2:111222333444:repository/absent")
	for operation, call := range map[string]func(c caller, registry *string) error{
		"BatchCheckLayerAvailability": func(c caller, id *string) error {
			_, err := c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RegistryId: id, RepositoryName: name, LayerDigests: []string{digest}})
			return err
		},
		"BatchDeleteImage": func(c caller, id *string) error {
			_, err := c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RegistryId: id, RepositoryName: name, ImageIds: byTag("v1")})
			return err
		},
		"BatchGetImage": func(c caller, id *string) error {
			_, err := c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RegistryId: id, RepositoryName: name, ImageIds: byTag("v1")})
			return err
		},
		"CompleteLayerUpload": func(c caller, id *string) error {
			_, err := c.CompleteLayerUpload(c.ctx, &ecr.CompleteLayerUploadInput{RegistryId: id, RepositoryName: name, UploadId: aws.String("6f1c8e5e-7d3f-4f7e-9b64-1c9c3b9f0a11"), LayerDigests: []string{digest}})
			return err
		},
		"DeleteLifecyclePolicy": func(c caller, id *string) error {
			_, err := c.DeleteLifecyclePolicy(c.ctx, &ecr.DeleteLifecyclePolicyInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"DeleteRepository": func(c caller, id *string) error {
			_, err := c.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RegistryId: id, RepositoryName: name, Force: true})
			return err
		},
		"DeleteRepositoryPolicy": func(c caller, id *string) error {
			_, err := c.DeleteRepositoryPolicy(c.ctx, &ecr.DeleteRepositoryPolicyInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"DescribeImageSigningStatus": func(c caller, id *string) error {
			_, err := c.DescribeImageSigningStatus(c.ctx, &ecr.DescribeImageSigningStatusInput{RegistryId: id, RepositoryName: name, ImageId: &byTag("v1")[0]})
			return err
		},
		"DescribeImages": func(c caller, id *string) error {
			_, err := c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"DescribeRepositories": func(c caller, id *string) error {
			_, err := c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RegistryId: id, RepositoryNames: []string{*name}})
			return err
		},
		"GetDownloadUrlForLayer": func(c caller, id *string) error {
			_, err := c.GetDownloadUrlForLayer(c.ctx, &ecr.GetDownloadUrlForLayerInput{RegistryId: id, RepositoryName: name, LayerDigest: &digest})
			return err
		},
		"GetLifecyclePolicy": func(c caller, id *string) error {
			_, err := c.GetLifecyclePolicy(c.ctx, &ecr.GetLifecyclePolicyInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"GetLifecyclePolicyPreview": func(c caller, id *string) error {
			_, err := c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"GetRepositoryPolicy": func(c caller, id *string) error {
			_, err := c.GetRepositoryPolicy(c.ctx, &ecr.GetRepositoryPolicyInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"InitiateLayerUpload": func(c caller, id *string) error {
			_, err := c.InitiateLayerUpload(c.ctx, &ecr.InitiateLayerUploadInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"ListImageReferrers": func(c caller, id *string) error {
			_, err := c.ListImageReferrers(c.ctx, &ecr.ListImageReferrersInput{RegistryId: id, RepositoryName: name, SubjectId: &types.SubjectIdentifier{ImageDigest: &digest}})
			return err
		},
		"ListImages": func(c caller, id *string) error {
			_, err := c.ListImages(c.ctx, &ecr.ListImagesInput{RegistryId: id, RepositoryName: name})
			return err
		},
		"ListTagsForResource": func(c caller, _ *string) error {
			_, err := c.ListTagsForResource(c.ctx, &ecr.ListTagsForResourceInput{ResourceArn: resource})
			return err
		},
		"PutImage": func(c caller, id *string) error {
			_, err := c.PutImage(c.ctx, &ecr.PutImageInput{RegistryId: id, RepositoryName: name, ImageManifest: aws.String(indexOf()), ImageTag: aws.String("v1")})
			return err
		},
		"PutImageScanningConfiguration": func(c caller, id *string) error {
			_, err := c.PutImageScanningConfiguration(c.ctx, &ecr.PutImageScanningConfigurationInput{RegistryId: id, RepositoryName: name, ImageScanningConfiguration: &types.ImageScanningConfiguration{}})
			return err
		},
		"PutImageTagMutability": func(c caller, id *string) error {
			_, err := c.PutImageTagMutability(c.ctx, &ecr.PutImageTagMutabilityInput{RegistryId: id, RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityImmutable})
			return err
		},
		"PutLifecyclePolicy": func(c caller, id *string) error {
			_, err := c.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RegistryId: id, RepositoryName: name, LifecyclePolicyText: aws.String(gitRules)})
			return err
		},
		"SetRepositoryPolicy": func(c caller, id *string) error {
			_, err := c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RegistryId: id, RepositoryName: name, PolicyText: policy})
			return err
		},
		"StartLifecyclePolicyPreview": func(c caller, id *string) error {
			_, err := c.StartLifecyclePolicyPreview(c.ctx, &ecr.StartLifecyclePolicyPreviewInput{RegistryId: id, RepositoryName: name, LifecyclePolicyText: aws.String(gitRules)})
			return err
		},
		"TagResource": func(c caller, _ *string) error {
			_, err := c.TagResource(c.ctx, &ecr.TagResourceInput{ResourceArn: resource, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
			return err
		},
		"UntagResource": func(c caller, _ *string) error {
			_, err := c.UntagResource(c.ctx, &ecr.UntagResourceInput{ResourceArn: resource, TagKeys: []string{"k"}})
			return err
		},
		"UpdateImageStorageClass": func(c caller, id *string) error {
			_, err := c.UpdateImageStorageClass(c.ctx, &ecr.UpdateImageStorageClassInput{RegistryId: id, RepositoryName: name, ImageId: &byTag("v1")[0], TargetStorageClass: types.TargetStorageClassArchive})
			return err
		},
		"UploadLayerPart": func(c caller, id *string) error {
			_, err := c.UploadLayerPart(c.ctx, &ecr.UploadLayerPartInput{RegistryId: id, RepositoryName: name, UploadId: aws.String("6f1c8e5e-7d3f-4f7e-9b64-1c9c3b9f0a11"),
				PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(0), LayerPartBlob: []byte("a")})
			return err
		},
	} {
		t.Run(operation, func(t *testing.T) {
			refused(t, call(root, nil), "RepositoryNotFoundException", "The repository with name 'absent' does not exist in the registry with id '111222333444'")
			refused(t, call(other, aws.String(vendor)), "AccessDeniedException", "User: arn:aws:iam::999888777666:root is not authorized to perform: ecr:…")
		})
	}
}

// API-74, API-58: once its only image is deleted, a layer cannot be downloaded any more. That it is then missing for who asks or pushes, is shown by the tests of the collection in registry.
func TestLayersOfDeletedImages_API74(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	manifest := c.imageOf(t, "app", "{}", "a layer")
	c.push(t, "app", manifest, "v1")
	layer := digestOf("a layer")
	must(c.GetDownloadUrlForLayer(c.ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer}))(t)
	must(c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: byTag("v1")}))(t)
	_, err := c.GetDownloadUrlForLayer(c.ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer})
	refused(t, err, "LayerInaccessibleException", "…")
}
