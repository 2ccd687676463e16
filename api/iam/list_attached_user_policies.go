package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListAttachedUserPolicies lists the managed policies attached to a user (IAM-8, IAM-10).
func (a *API) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListAttachedUserPolicies", aws.ToString(in.UserName), aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.AttachedPolicies(ctx, user(in.UserName), aws.ToString(in.PathPrefix), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: []types.AttachedPolicy{}}
	for _, x := range found {
		out.AttachedPolicies = append(out.AttachedPolicies, types.AttachedPolicy{PolicyName: aws.String(x.Name), PolicyArn: aws.String(x.ARN)})
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
