package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DescribeAccount returns an account of the organization (ORG-14).
func (a *API) DescribeAccount(ctx context.Context, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	x, err := a.Organizations.Account(ctx, aws.ToString(in.AccountId))
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeAccountOutput{Account: showAccount(x)}, nil
}
