package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// CreateOpenIDConnectProvider makes an identity provider of the account, whose tokens roles may trust (IAM-9, STS-10).
func (a *API) CreateOpenIDConnectProvider(ctx context.Context, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	got, err := a.Directory.CreateOIDCProvider(ctx, aws.ToString(in.Url), in.ClientIDList, in.ThumbprintList, readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: aws.String(got.ARN), Tags: showOptionalTags(got.Tags)}, nil
}
