package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// UntagResource takes tags from a repository by their keys; those that it does not have are passed over (API-42). Its faults are InvalidParameter and
// RepositoryNotFound.
func (a *API) UntagResource(ctx context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	ref, err := repositoryOfARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	r, err := a.Registry.OpenTagging(ctx, ref, "ecr:UntagResource", nil, in.TagKeys)
	if err != nil {
		return nil, err
	}
	if err := r.UntagResource(ctx, in.TagKeys); err != nil {
		return nil, err
	}
	return &ecr.UntagResourceOutput{}, nil
}
