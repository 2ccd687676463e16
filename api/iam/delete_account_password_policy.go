package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteAccountPasswordPolicy leaves the account with the default (IAM-5).
func (a *API) DeleteAccountPasswordPolicy(ctx context.Context, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	if err := a.Directory.DeletePasswordPolicy(ctx); err != nil {
		return nil, err
	}
	return &iam.DeleteAccountPasswordPolicyOutput{}, nil
}
