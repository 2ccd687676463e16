package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListUserTags lists the tags of a user (IAM-9, IAM-10).
func (a *API) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListUserTags", aws.ToString(in.UserName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Tags(ctx, user(in.UserName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListUserTagsOutput{Tags: showTags(found)}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
