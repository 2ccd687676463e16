package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// RemoveAccountFromOrganization takes an account out of the organization (ORG-17).
func (a *API) RemoveAccountFromOrganization(ctx context.Context, in *organizations.RemoveAccountFromOrganizationInput) (*organizations.RemoveAccountFromOrganizationOutput, error) {
	if err := a.Organizations.RemoveAccount(ctx, aws.ToString(in.AccountId)); err != nil {
		return nil, err
	}
	return &organizations.RemoveAccountFromOrganizationOutput{}, nil
}
