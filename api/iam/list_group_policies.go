package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListGroupPolicies lists the names of the inline policies of a group (IAM-8, IAM-10).
func (a *API) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListGroupPolicies", aws.ToString(in.GroupName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.InlinePolicies(ctx, group(in.GroupName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListGroupPoliciesOutput{PolicyNames: []string{}}
	out.PolicyNames = append(out.PolicyNames, found...)
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
