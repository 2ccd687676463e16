package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// CreateAccount makes an account; DescribeCreateAccountStatus tells what became of it (ORG-13).
func (a *API) CreateAccount(ctx context.Context, in *organizations.CreateAccountInput) (*organizations.CreateAccountOutput, error) {
	x, err := a.Organizations.CreateAccount(ctx, org.NewAccount{
		Name: aws.ToString(in.AccountName), Email: aws.ToString(in.Email), Role: aws.ToString(in.RoleName), Tags: readTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CreateAccountOutput{CreateAccountStatus: showCreation(x)}, nil
}
