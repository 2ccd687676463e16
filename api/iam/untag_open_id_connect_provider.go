package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UntagOpenIDConnectProvider takes tags from an identity provider (IAM-9).
func (a *API) UntagOpenIDConnectProvider(ctx context.Context, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	if err := a.Directory.Untag(ctx, provider(in.OpenIDConnectProviderArn), in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagOpenIDConnectProviderOutput{}, nil
}
