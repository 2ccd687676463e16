package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListAWSServiceAccessForOrganization lists the services that may act in the organization (ORG-22).
func (a *API) ListAWSServiceAccessForOrganization(ctx context.Context, in *organizations.ListAWSServiceAccessForOrganizationInput) (*organizations.ListAWSServiceAccessForOrganizationOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListAWSServiceAccessForOrganization")
	if err != nil {
		return nil, err
	}
	services, cursor, err := a.Organizations.ServiceAccess(ctx, p.Page)
	if err != nil {
		return nil, err
	}
	out := []types.EnabledServicePrincipal{}
	for _, s := range services {
		out = append(out, types.EnabledServicePrincipal{ServicePrincipal: aws.String(s.Principal), DateEnabled: aws.Time(s.Enabled)})
	}
	return &organizations.ListAWSServiceAccessForOrganizationOutput{EnabledServicePrincipals: out, NextToken: p.list.Next(cursor)}, nil
}
