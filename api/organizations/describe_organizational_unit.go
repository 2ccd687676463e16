package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DescribeOrganizationalUnit returns an organizational unit (ORG-12).
func (a *API) DescribeOrganizationalUnit(ctx context.Context, in *organizations.DescribeOrganizationalUnitInput) (*organizations.DescribeOrganizationalUnitOutput, error) {
	x, err := a.Organizations.Unit(ctx, aws.ToString(in.OrganizationalUnitId))
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeOrganizationalUnitOutput{OrganizationalUnit: showUnit(x)}, nil
}
