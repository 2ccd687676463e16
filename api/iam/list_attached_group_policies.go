package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListAttachedGroupPolicies lists the managed policies attached to a group (IAM-8, IAM-10).
func (a *API) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListAttachedGroupPolicies", aws.ToString(in.GroupName), aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.AttachedPolicies(ctx, group(in.GroupName), aws.ToString(in.PathPrefix), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: []types.AttachedPolicy{}}
	for _, x := range found {
		out.AttachedPolicies = append(out.AttachedPolicies, types.AttachedPolicy{PolicyName: aws.String(x.Name), PolicyArn: aws.String(x.ARN)})
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
