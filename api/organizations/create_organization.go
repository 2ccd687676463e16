package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// CreateOrganization makes an organization that the caller's account manages (ORG-9).
func (a *API) CreateOrganization(ctx context.Context, in *organizations.CreateOrganizationInput) (*organizations.CreateOrganizationOutput, error) {
	f, err := a.Organizations.CreateOrganization(ctx, string(in.FeatureSet))
	if err != nil {
		return nil, err
	}
	return &organizations.CreateOrganizationOutput{Organization: showOrganization(f)}, nil
}
