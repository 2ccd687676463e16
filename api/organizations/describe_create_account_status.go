package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DescribeCreateAccountStatus tells what became of a request to make an account (ORG-13).
func (a *API) DescribeCreateAccountStatus(ctx context.Context, in *organizations.DescribeCreateAccountStatusInput) (*organizations.DescribeCreateAccountStatusOutput, error) {
	x, err := a.Organizations.CreationOf(ctx, aws.ToString(in.CreateAccountRequestId))
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeCreateAccountStatusOutput{CreateAccountStatus: showCreation(x)}, nil
}
