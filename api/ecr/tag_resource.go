package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// TagResource adds tags to a repository, in place of those with the same keys (API-42). Its faults are InvalidParameter, InvalidTagParameter, TooManyTags
// (API-37) and RepositoryNotFound.
func (a *API) TagResource(ctx context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	ref, err := repositoryOfARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags := readTags(in.Tags)
	r, err := a.Registry.OpenTagging(ctx, ref, "ecr:TagResource", tags, nil)
	if err != nil {
		return nil, err
	}
	if err := r.TagResource(ctx, tags); err != nil {
		return nil, err
	}
	return &ecr.TagResourceOutput{}, nil
}
