package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListRolePolicies lists the names of the inline policies of a role (IAM-8, IAM-10).
func (a *API) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListRolePolicies", aws.ToString(in.RoleName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.InlinePolicies(ctx, role(in.RoleName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolePoliciesOutput{PolicyNames: []string{}}
	out.PolicyNames = append(out.PolicyNames, found...)
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
