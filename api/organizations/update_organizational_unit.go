package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// UpdateOrganizationalUnit gives an organizational unit another name (ORG-12).
func (a *API) UpdateOrganizationalUnit(ctx context.Context, in *organizations.UpdateOrganizationalUnitInput) (*organizations.UpdateOrganizationalUnitOutput, error) {
	x, err := a.Organizations.RenameUnit(ctx, aws.ToString(in.OrganizationalUnitId), aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	return &organizations.UpdateOrganizationalUnitOutput{OrganizationalUnit: showUnit(x)}, nil
}
