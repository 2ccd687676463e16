package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DeregisterDelegatedAdministrator ends that an account administers a service (ORG-22).
func (a *API) DeregisterDelegatedAdministrator(ctx context.Context, in *organizations.DeregisterDelegatedAdministratorInput) (*organizations.DeregisterDelegatedAdministratorOutput, error) {
	if err := a.Organizations.DeregisterDelegatedAdministrator(ctx, aws.ToString(in.AccountId), aws.ToString(in.ServicePrincipal)); err != nil {
		return nil, err
	}
	return &organizations.DeregisterDelegatedAdministratorOutput{}, nil
}
