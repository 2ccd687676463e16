package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// CreateOrganizationalUnit makes an organizational unit (ORG-12).
func (a *API) CreateOrganizationalUnit(ctx context.Context, in *organizations.CreateOrganizationalUnitInput) (*organizations.CreateOrganizationalUnitOutput, error) {
	x, err := a.Organizations.CreateUnit(ctx, aws.ToString(in.ParentId), aws.ToString(in.Name), readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &organizations.CreateOrganizationalUnitOutput{OrganizationalUnit: showUnit(x)}, nil
}
