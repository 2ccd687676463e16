package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// CloseAccount takes an account out of use (ORG-17).
func (a *API) CloseAccount(ctx context.Context, in *organizations.CloseAccountInput) (*organizations.CloseAccountOutput, error) {
	if err := a.Organizations.CloseAccount(ctx, aws.ToString(in.AccountId)); err != nil {
		return nil, err
	}
	return &organizations.CloseAccountOutput{}, nil
}
