package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteAccountAlias takes the alias of the account away (IAM-9).
func (a *API) DeleteAccountAlias(ctx context.Context, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	if err := a.Directory.DeleteAccountAlias(ctx, aws.ToString(in.AccountAlias)); err != nil {
		return nil, err
	}
	return &iam.DeleteAccountAliasOutput{}, nil
}
