package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListUserPolicies lists the names of the inline policies of a user (IAM-8, IAM-10).
func (a *API) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListUserPolicies", aws.ToString(in.UserName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.InlinePolicies(ctx, user(in.UserName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListUserPoliciesOutput{PolicyNames: []string{}}
	out.PolicyNames = append(out.PolicyNames, found...)
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
