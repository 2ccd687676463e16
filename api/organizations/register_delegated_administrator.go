package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// RegisterDelegatedAdministrator lets an account administer a service for the organization (ORG-22).
func (a *API) RegisterDelegatedAdministrator(ctx context.Context, in *organizations.RegisterDelegatedAdministratorInput) (*organizations.RegisterDelegatedAdministratorOutput, error) {
	if err := a.Organizations.RegisterDelegatedAdministrator(ctx, aws.ToString(in.AccountId), aws.ToString(in.ServicePrincipal)); err != nil {
		return nil, err
	}
	return &organizations.RegisterDelegatedAdministratorOutput{}, nil
}
