package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// CreateAccountAlias gives the account its alias (IAM-9).
func (a *API) CreateAccountAlias(ctx context.Context, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	if err := a.Directory.CreateAccountAlias(ctx, aws.ToString(in.AccountAlias)); err != nil {
		return nil, err
	}
	return &iam.CreateAccountAliasOutput{}, nil
}
