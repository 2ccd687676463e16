package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteOpenIDConnectProvider deletes an identity provider; one that is not there is no error (IAM-9).
func (a *API) DeleteOpenIDConnectProvider(ctx context.Context, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	if err := a.Directory.DeleteOIDCProvider(ctx, aws.ToString(in.OpenIDConnectProviderArn)); err != nil {
		return nil, err
	}
	return &iam.DeleteOpenIDConnectProviderOutput{}, nil
}
