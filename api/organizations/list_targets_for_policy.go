package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListTargetsForPolicy lists what a policy hangs on (ORG-18).
func (a *API) ListTargetsForPolicy(ctx context.Context, in *organizations.ListTargetsForPolicyInput) (*organizations.ListTargetsForPolicyOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListTargetsForPolicy", aws.ToString(in.PolicyId))
	if err != nil {
		return nil, err
	}
	targets, cursor, err := a.Organizations.TargetsForPolicy(ctx, aws.ToString(in.PolicyId), p.Page)
	if err != nil {
		return nil, err
	}
	out := []types.PolicyTargetSummary{}
	for _, t := range targets {
		out = append(out, types.PolicyTargetSummary{TargetId: aws.String(t.ID), Arn: aws.String(t.ARN), Name: aws.String(t.Name), Type: types.TargetType(t.Type)})
	}
	return &organizations.ListTargetsForPolicyOutput{Targets: out, NextToken: p.list.Next(cursor)}, nil
}
