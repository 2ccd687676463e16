package operator

import (
	"context"
	"time"

	"github.com/berth-registry/berth/identity/iam"
)

// SignInInput is who somebody says to be. Account is an id or an alias. NewPassword is to be set where the answer before said that one must be.
type SignInInput struct {
	Account     *string
	UserName    *string
	Password    *string
	NewPassword *string
}

// SignInOutput has temporary credentials, or says why another password must be set first.
type SignInOutput struct {
	Arn         *string //nolint:revive // see Account
	Credentials *Credentials
	MustChange  *string
}

// Credentials are those of a session. They are told this once.
type Credentials struct {
	AccessKeyId     *string //nolint:revive,staticcheck // see Account
	SecretAccessKey *string
	SessionToken    *string
	Expiration      *time.Time
}

// SignIn gives a user of any account who knows its password credentials for twelve hours. It is not signed: the password says who calls, and nothing needs to
// be allowed. The faults are AccessDenied for whatever is wrong, Throttled, and PasswordPolicyViolation for a new password.
func (a *API) SignIn(ctx context.Context, in *SignInInput) (*SignInOutput, error) {
	who := iam.SignInPassword{Account: *in.Account, UserName: *in.UserName, Password: *in.Password}
	if in.NewPassword != nil {
		who.NewPassword = *in.NewPassword
	}
	got, err := a.Directory.SignInByPassword(ctx, who)
	if err != nil {
		return nil, err
	}
	out := &SignInOutput{Arn: &got.ARN}
	if c := got.Credentials; c != nil {
		out.Credentials = &Credentials{&c.AccessKeyID, &c.Secret, &c.Token, &c.Expires}
	} else {
		out.MustChange = &got.MustChange
	}
	return out, nil
}
