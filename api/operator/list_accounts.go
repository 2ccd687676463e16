package operator

import "context"

// ListAccountsInput is empty.
type ListAccountsInput struct{}

// ListAccountsOutput lists the accounts by id.
type ListAccountsOutput struct{ Accounts []Account }

// ListAccounts lists the installation's accounts. It needs berth:ListAccounts.
func (a *API) ListAccounts(ctx context.Context, _ *ListAccountsInput) (*ListAccountsOutput, error) {
	if err := a.authorize(ctx, "berth:ListAccounts"); err != nil {
		return nil, err
	}
	accounts, err := a.Directory.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	out := &ListAccountsOutput{Accounts: make([]Account, len(accounts))}
	for i := range accounts {
		out.Accounts[i] = show(&accounts[i])
	}
	return out, nil
}
