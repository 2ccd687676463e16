package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListAccountsForParent lists the accounts directly under a root or unit (ORG-14).
func (a *API) ListAccountsForParent(ctx context.Context, in *organizations.ListAccountsForParentInput) (*organizations.ListAccountsForParentOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListAccountsForParent", aws.ToString(in.ParentId))
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.AccountsOf(ctx, aws.ToString(in.ParentId), p.Page)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListAccountsForParentOutput{Accounts: []types.Account{}, NextToken: p.list.Next(next)}
	for i := range list {
		out.Accounts = append(out.Accounts, *showAccount(&list[i]))
	}
	return out, nil
}
