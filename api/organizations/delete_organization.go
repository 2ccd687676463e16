package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DeleteOrganization deletes the organization that the caller's account manages (ORG-10).
func (a *API) DeleteOrganization(ctx context.Context, _ *organizations.DeleteOrganizationInput) (*organizations.DeleteOrganizationOutput, error) {
	if err := a.Organizations.DeleteOrganization(ctx); err != nil {
		return nil, err
	}
	return &organizations.DeleteOrganizationOutput{}, nil
}
