package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// ListTagsForResource shows the tags of a repository (API-42). Its faults are InvalidParameter and RepositoryNotFound.
func (a *API) ListTagsForResource(ctx context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	ref, err := repositoryOfARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	r, err := a.Registry.Open(ctx, ref, "ecr:ListTagsForResource")
	if err != nil {
		return nil, err
	}
	tags, err := r.ResourceTags(ctx)
	if err != nil {
		return nil, err
	}
	out := &ecr.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, t := range tags {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out, nil
}
