package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListDelegatedServicesForAccount lists the services that an account administers (ORG-22).
func (a *API) ListDelegatedServicesForAccount(ctx context.Context, in *organizations.ListDelegatedServicesForAccountInput) (*organizations.ListDelegatedServicesForAccountOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListDelegatedServicesForAccount", aws.ToString(in.AccountId))
	if err != nil {
		return nil, err
	}
	services, cursor, err := a.Organizations.DelegatedServices(ctx, aws.ToString(in.AccountId), p.Page)
	if err != nil {
		return nil, err
	}
	out := []types.DelegatedService{}
	for _, s := range services {
		out = append(out, types.DelegatedService{ServicePrincipal: aws.String(s.Principal), DelegationEnabledDate: aws.Time(s.Enabled)})
	}
	return &organizations.ListDelegatedServicesForAccountOutput{DelegatedServices: out, NextToken: p.list.Next(cursor)}, nil
}
