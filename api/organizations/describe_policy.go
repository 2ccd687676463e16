package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DescribePolicy returns a policy with its content (ORG-18).
func (a *API) DescribePolicy(ctx context.Context, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	p, err := a.Organizations.Policy(ctx, aws.ToString(in.PolicyId))
	if err != nil {
		return nil, err
	}
	return &organizations.DescribePolicyOutput{Policy: showPolicy(p)}, nil
}
