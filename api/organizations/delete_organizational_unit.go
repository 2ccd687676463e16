package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DeleteOrganizationalUnit deletes an empty organizational unit (ORG-12).
func (a *API) DeleteOrganizationalUnit(ctx context.Context, in *organizations.DeleteOrganizationalUnitInput) (*organizations.DeleteOrganizationalUnitOutput, error) {
	if err := a.Organizations.DeleteUnit(ctx, aws.ToString(in.OrganizationalUnitId)); err != nil {
		return nil, err
	}
	return &organizations.DeleteOrganizationalUnitOutput{}, nil
}
