package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// ListImages lists a repository's tags with their digests, and its untagged images by digest alone, the newest image first (API-50, API-11). Its faults are
// RepositoryNotFound and InvalidParameter.
func (a *API) ListImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	var f imageFilter
	if in.Filter != nil {
		f = imageFilter{in.Filter.TagStatus, in.Filter.ImageStatus}
	}
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListImages", f.binding(ctx, in.RegistryId, in.RepositoryName)...)
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:ListImages")
	if err != nil {
		return nil, err
	}
	out := &ecr.ListImagesOutput{ImageIds: []types.ImageIdentifier{}}
	ids, next, err := r.ImageIDs(ctx, f.registry(), p.After, p.limit)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		out.ImageIds = append(out.ImageIds, *showImageID(id.Digest, id.Tag))
	}
	out.NextToken = p.Next(next)
	return out, nil
}
