package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListInstanceProfileTags lists the tags of an instance profile (IAM-9, IAM-10).
func (a *API) ListInstanceProfileTags(ctx context.Context, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListInstanceProfileTags", aws.ToString(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	tags, next, err := a.Directory.Tags(ctx, profile(in.InstanceProfileName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListInstanceProfileTagsOutput{Tags: showTags(tags)}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
