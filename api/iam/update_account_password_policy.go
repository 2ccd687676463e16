package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	directory "github.com/berth-registry/berth/identity/iam"
)

// UpdateAccountPasswordPolicy sets what the account asks of passwords: all of it, what is left out as AWS has it (IAM-5).
func (a *API) UpdateAccountPasswordPolicy(ctx context.Context, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	p := directory.PasswordPolicy{
		MinimumLength: 6, Symbols: in.RequireSymbols, Numbers: in.RequireNumbers, Uppercase: in.RequireUppercaseCharacters, Lowercase: in.RequireLowercaseCharacters,
		AllowUsersToChange: in.AllowUsersToChangePassword, MaxAgeDays: int(aws.ToInt32(in.MaxPasswordAge)), Reuse: int(aws.ToInt32(in.PasswordReusePrevention)),
		HardExpiry: aws.ToBool(in.HardExpiry),
	}
	if in.MinimumPasswordLength != nil {
		p.MinimumLength = int(*in.MinimumPasswordLength)
	}
	if err := a.Directory.UpdatePasswordPolicy(ctx, p); err != nil {
		return nil, err
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, nil
}
