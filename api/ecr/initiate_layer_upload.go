package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// InitiateLayerUpload begins the upload of a layer (API-60). Its faults are RepositoryNotFound and LimitExceeded, when too many uploads are open (H29).
func (a *API) InitiateLayerUpload(ctx context.Context, in *ecr.InitiateLayerUploadInput) (*ecr.InitiateLayerUploadOutput, error) {
	r, err := a.Registry.OpenToPush(ctx, reference(ctx, in.RegistryId, in.RepositoryName), "ecr:InitiateLayerUpload")
	if err != nil {
		return nil, err
	}
	u, err := r.StartUpload(ctx)
	if err != nil {
		return nil, err
	}
	return &ecr.InitiateLayerUploadOutput{UploadId: aws.String(u.ID), PartSize: aws.Int64(r.PartBytes())}, nil
}
