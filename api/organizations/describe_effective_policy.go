package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/berth-registry/berth/identity/org"
)

// DescribeEffectivePolicy merges the policies of an inherited type that reach an account (ORG-18).
func (a *API) DescribeEffectivePolicy(ctx context.Context, in *organizations.DescribeEffectivePolicyInput) (*organizations.DescribeEffectivePolicyOutput, error) {
	p, err := a.Organizations.EffectivePolicy(ctx, org.PolicyType(in.PolicyType), aws.ToString(in.TargetId))
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeEffectivePolicyOutput{EffectivePolicy: &types.EffectivePolicy{
		TargetId: aws.String(p.Account), PolicyType: types.EffectivePolicyType(p.Type), PolicyContent: aws.String(p.Content), LastUpdatedTimestamp: aws.Time(p.Updated),
	}}, nil
}
