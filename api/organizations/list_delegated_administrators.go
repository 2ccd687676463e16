package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListDelegatedAdministrators lists the accounts that administer a service, or any (ORG-22).
func (a *API) ListDelegatedAdministrators(ctx context.Context, in *organizations.ListDelegatedAdministratorsInput) (*organizations.ListDelegatedAdministratorsOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListDelegatedAdministrators", aws.ToString(in.ServicePrincipal))
	if err != nil {
		return nil, err
	}
	administrators, cursor, err := a.Organizations.DelegatedAdministrators(ctx, aws.ToString(in.ServicePrincipal), p.Page)
	if err != nil {
		return nil, err
	}
	out := []types.DelegatedAdministrator{}
	for i := range administrators {
		d := &administrators[i]
		out = append(out, types.DelegatedAdministrator{
			Id: aws.String(d.ID), Arn: aws.String(d.ARN), Name: aws.String(d.Name), Email: aws.String(d.Email), Status: types.AccountStatus(d.State), State: types.AccountState(d.State),
			JoinedMethod: types.AccountJoinedMethod(d.Method), JoinedTimestamp: aws.Time(d.Joined), DelegationEnabledDate: aws.Time(d.Since),
		})
	}
	return &organizations.ListDelegatedAdministratorsOutput{DelegatedAdministrators: out, NextToken: p.list.Next(cursor)}, nil
}
