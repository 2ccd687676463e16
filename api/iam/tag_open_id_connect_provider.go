package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TagOpenIDConnectProvider tags an identity provider (IAM-9, IAM-4).
func (a *API) TagOpenIDConnectProvider(ctx context.Context, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	if err := a.Directory.Tag(ctx, provider(in.OpenIDConnectProviderArn), readTags(in.Tags)); err != nil {
		return nil, err
	}
	return &iam.TagOpenIDConnectProviderOutput{}, nil
}
