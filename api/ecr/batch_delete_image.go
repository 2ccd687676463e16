package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// BatchDeleteImage removes tags, and images by digest or with their last tag (API-72). An id that cannot be served is a failure of its own (API-56,
// API-73). Its faults are RepositoryNotFound, and AccessDenied for all when a policy asks for an image's tag or digest and one of them is refused.
func (a *API) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	refs := readImageIDs(in.ImageIds)
	r, err := a.openImages(ctx, in.RegistryId, in.RepositoryName, "ecr:BatchDeleteImage", refs...)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		if _, failed := readImageID(id); failed != nil {
			out.Failures = append(out.Failures, *failed)
		}
	}
	removed, failures, err := r.DeleteImages(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, id := range removed {
		out.ImageIds = append(out.ImageIds, *showImageID(id.Digest, id.Tag))
	}
	for _, f := range failures {
		out.Failures = append(out.Failures, types.ImageFailure{
			ImageId: showImageID(f.ID.Digest, f.ID.Tag), FailureCode: types.ImageFailureCode(f.Code), FailureReason: aws.String(f.Reason),
		})
	}
	return out, nil
}
