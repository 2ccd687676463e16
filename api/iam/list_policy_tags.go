package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListPolicyTags lists the tags of a managed policy (IAM-9, IAM-10).
func (a *API) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListPolicyTags", aws.ToString(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Tags(ctx, policy(in.PolicyArn), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPolicyTagsOutput{Tags: showTags(found)}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
