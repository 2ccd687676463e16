package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// RemoveClientIDFromOpenIDConnectProvider takes an audience away again (IAM-9).
func (a *API) RemoveClientIDFromOpenIDConnectProvider(ctx context.Context, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	if err := a.Directory.RemoveClientID(ctx, aws.ToString(in.OpenIDConnectProviderArn), aws.ToString(in.ClientID)); err != nil {
		return nil, err
	}
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, nil
}
