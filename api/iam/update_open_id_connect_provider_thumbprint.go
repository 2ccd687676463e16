package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UpdateOpenIDConnectProviderThumbprint replaces the thumbprints of an identity provider, which are kept and decide nothing (IAM-9).
func (a *API) UpdateOpenIDConnectProviderThumbprint(ctx context.Context, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	if err := a.Directory.UpdateThumbprints(ctx, aws.ToString(in.OpenIDConnectProviderArn), in.ThumbprintList); err != nil {
		return nil, err
	}
	return &iam.UpdateOpenIDConnectProviderThumbprintOutput{}, nil
}
