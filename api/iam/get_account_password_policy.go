package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// GetAccountPasswordPolicy tells what the account asks of passwords (IAM-5).
func (a *API) GetAccountPasswordPolicy(ctx context.Context, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	p, err := a.Directory.PasswordPolicy(ctx)
	if err != nil {
		return nil, err
	}
	out := &types.PasswordPolicy{
		MinimumPasswordLength: aws.Int32(int32(p.MinimumLength)), RequireSymbols: p.Symbols, RequireNumbers: p.Numbers, RequireUppercaseCharacters: p.Uppercase,
		RequireLowercaseCharacters: p.Lowercase, AllowUsersToChangePassword: p.AllowUsersToChange, ExpirePasswords: p.MaxAgeDays > 0, HardExpiry: &p.HardExpiry,
	}
	if p.MaxAgeDays > 0 {
		out.MaxPasswordAge = aws.Int32(int32(p.MaxAgeDays))
	}
	if p.Reuse > 0 {
		out.PasswordReusePrevention = aws.Int32(int32(p.Reuse))
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: out}, nil
}
