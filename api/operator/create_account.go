package operator

import (
	"context"

	"github.com/berth-registry/berth/identity/iam"
)

// CreateAccountInput names the account to make. Without an Id it is random; without an Administrator the user is called "administrator".
type CreateAccountInput struct {
	Name          *string
	Id            *string //nolint:revive,staticcheck // see Account
	Administrator *string
}

// CreateAccountOutput is the account with the access key of its administrator.
type CreateAccountOutput struct {
	Account   *Account
	AccessKey *AccessKey
}

// CreateAccount makes an account with an administrator who may do everything in it. It needs berth:CreateAccount. The faults are EntityAlreadyExists and
// InvalidInput.
func (a *API) CreateAccount(ctx context.Context, in *CreateAccountInput) (*CreateAccountOutput, error) {
	if err := a.authorize(ctx, "berth:CreateAccount"); err != nil {
		return nil, err
	}
	n := iam.NewAccount{Name: *in.Name, Administrator: "administrator"}
	if in.Id != nil {
		n.ID = *in.Id
	}
	if in.Administrator != nil {
		n.Administrator = *in.Administrator
	}
	account, key, err := a.Directory.CreateAccount(ctx, n)
	if err != nil {
		return nil, err
	}
	shown := show(account)
	return &CreateAccountOutput{&shown, &AccessKey{&key.ID, &key.Secret, &key.UserName}}, nil
}
