package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// LeaveOrganization takes the caller's account out of its organization (ORG-17).
func (a *API) LeaveOrganization(ctx context.Context, _ *organizations.LeaveOrganizationInput) (*organizations.LeaveOrganizationOutput, error) {
	if err := a.Organizations.LeaveOrganization(ctx); err != nil {
		return nil, err
	}
	return &organizations.LeaveOrganizationOutput{}, nil
}
