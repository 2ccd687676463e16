package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
)

// ListAccountsInput says which page is wanted; MaxResults is 100 unless given, at most 1000.
type ListAccountsInput struct {
	NextToken  *string
	MaxResults *int32
}

// ListAccountsOutput lists accounts by id. With a NextToken there are more.
type ListAccountsOutput struct {
	Accounts  []Account
	NextToken *string
}

// ListAccounts lists the installation's accounts, page by page. It needs berth:ListAccounts. The fault is InvalidInput for a token that is not this list's (H55).
func (a *API) ListAccounts(ctx context.Context, in *ListAccountsInput) (*ListAccountsOutput, error) {
	if err := a.authorize(ctx, "berth:ListAccounts"); err != nil {
		return nil, err
	}
	list, err := a.list(ctx, in.NextToken, "ListAccounts")
	if err != nil {
		return nil, err
	}
	accounts, next, err := a.Directory.Accounts(ctx, iam.Page{After: list.After, Max: int(aws.ToInt32(in.MaxResults))})
	if err != nil {
		return nil, err
	}
	out := &ListAccountsOutput{Accounts: make([]Account, len(accounts)), NextToken: list.Next(next)}
	for i := range accounts {
		out.Accounts[i] = show(&accounts[i])
	}
	return out, nil
}
