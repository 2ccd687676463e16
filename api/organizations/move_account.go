package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// MoveAccount puts an account under another root or unit (ORG-15).
func (a *API) MoveAccount(ctx context.Context, in *organizations.MoveAccountInput) (*organizations.MoveAccountOutput, error) {
	if err := a.Organizations.MoveAccount(ctx, aws.ToString(in.AccountId), aws.ToString(in.SourceParentId), aws.ToString(in.DestinationParentId)); err != nil {
		return nil, err
	}
	return &organizations.MoveAccountOutput{}, nil
}
