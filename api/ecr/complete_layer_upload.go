package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/fault"
)

// CompleteLayerUpload makes what was uploaded a layer of the repository (API-62). Its faults are InvalidParameter (not exactly one digest, H28),
// RepositoryNotFound, UploadNotFound, EmptyUpload, LayerPartTooSmall (API-61), InvalidLayer and LayerAlreadyExists, which clients take for success.
func (a *API) CompleteLayerUpload(ctx context.Context, in *ecr.CompleteLayerUploadInput) (*ecr.CompleteLayerUploadOutput, error) {
	if len(in.LayerDigests) != 1 {
		return nil, invalidParameter("layerDigests", "Member must have length equal to 1")
	}
	d, err := layerDigest("layerDigests", in.LayerDigests[0])
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:CompleteLayerUpload")
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.UploadId)
	u, err := r.Upload(ctx, id)
	if err != nil {
		return nil, err
	}
	if u.Size == 0 {
		return nil, fault.New(fault.EmptyUpload, "The upload with id '%s' holds no layer parts", id)
	}
	layer, existed, err := r.Complete(ctx, id, d, nil)
	if err != nil {
		return nil, err
	}
	if existed {
		return nil, fault.New(fault.LayerAlreadyExists,
			"The layer with digest '%s' already exists in the repository with name '%s' in the registry with id '%s'", layer.Digest, r.Name, r.Account)
	}
	return &ecr.CompleteLayerUploadOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), UploadId: in.UploadId, LayerDigest: aws.String(string(layer.Digest)),
	}, nil
}
