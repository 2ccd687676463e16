package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DescribeResourcePolicy returns the resource policy of the organization (ORG-23).
func (a *API) DescribeResourcePolicy(ctx context.Context, _ *organizations.DescribeResourcePolicyInput) (*organizations.DescribeResourcePolicyOutput, error) {
	p, err := a.Organizations.DescribeResourcePolicy(ctx)
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeResourcePolicyOutput{ResourcePolicy: showResourcePolicy(p)}, nil
}
