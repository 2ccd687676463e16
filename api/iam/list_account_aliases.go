package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListAccountAliases lists the alias of the account: there is at most one (IAM-9).
func (a *API) ListAccountAliases(ctx context.Context, _ *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	aliases, err := a.Directory.AccountAliases(ctx)
	if err != nil {
		return nil, err
	}
	return &iam.ListAccountAliasesOutput{AccountAliases: append([]string{}, aliases...)}, nil
}
