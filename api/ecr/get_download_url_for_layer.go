package ecr

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
)

// downloadLifetime is how long a download URL is good for (API-58).
const downloadLifetime = time.Hour

// GetDownloadUrlForLayer gives a URL from which the layer can be fetched for an hour without further credentials (API-58). Its faults are
// InvalidParameter, RepositoryNotFound, LayerNotFound, and LayerInaccessible while no image of the repository refers to the layer.
func (a *API) GetDownloadUrlForLayer(ctx context.Context, in *ecr.GetDownloadUrlForLayerInput) (*ecr.GetDownloadUrlForLayerOutput, error) {
	d, err := layerDigest("layerDigest", aws.ToString(in.LayerDigest))
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:GetDownloadUrlForLayer")
	if err != nil {
		return nil, err
	}
	if _, err := r.Layer(ctx, d); err != nil {
		return nil, err
	}
	referenced, err := r.LayerReferenced(ctx, d)
	switch {
	case err != nil:
		return nil, err
	case !referenced:
		return nil, fault.New(fault.LayerInaccessible,
			"The layer with digest '%s' in the repository with name '%s' in the registry with id '%s' is not associated with an image", d, r.Name, r.Account)
	}
	url, err := r.LayerURL(ctx, d) // the blob store's own, where clients may read from it by themselves
	if err != nil {
		return nil, err
	}
	if url == "" {
		if url, err = a.Names.LayerURL(ctx, r.Account, r.Region, r.ID, r.Name, d, iam.From(ctx).Time.Add(downloadLifetime)); err != nil {
			return nil, err
		}
	}
	return &ecr.GetDownloadUrlForLayerOutput{LayerDigest: in.LayerDigest, DownloadUrl: aws.String(url)}, nil
}
