package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListAccounts lists the accounts of the organization (ORG-14).
func (a *API) ListAccounts(ctx context.Context, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListAccounts")
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.Accounts(ctx, p.Page)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListAccountsOutput{Accounts: []types.Account{}, NextToken: p.list.Next(next)}
	for i := range list {
		out.Accounts = append(out.Accounts, *showAccount(&list[i]))
	}
	return out, nil
}
