package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DescribeOrganization returns the organization that the caller's account is in (ORG-10).
func (a *API) DescribeOrganization(ctx context.Context, _ *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	f, err := a.Organizations.DescribeOrganization(ctx)
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeOrganizationOutput{Organization: showOrganization(f)}, nil
}
