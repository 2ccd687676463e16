package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// PutImageScanningConfiguration sets whether images of the repository are to be scanned when they are pushed (API-76). Its fault is RepositoryNotFound.
func (a *API) PutImageScanningConfiguration(
	ctx context.Context, in *ecr.PutImageScanningConfigurationInput,
) (*ecr.PutImageScanningConfigurationOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:PutImageScanningConfiguration")
	if err != nil {
		return nil, err
	}
	on := in.ImageScanningConfiguration.ScanOnPush
	if err := r.SetScanOnPush(ctx, on); err != nil {
		return nil, err
	}
	return &ecr.PutImageScanningConfigurationOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name),
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: on},
	}, nil
}
