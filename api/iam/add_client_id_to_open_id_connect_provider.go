package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// AddClientIDToOpenIDConnectProvider adds an audience that the tokens of an identity provider may have (IAM-9).
func (a *API) AddClientIDToOpenIDConnectProvider(ctx context.Context, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	if err := a.Directory.AddClientID(ctx, aws.ToString(in.OpenIDConnectProviderArn), aws.ToString(in.ClientID)); err != nil {
		return nil, err
	}
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, nil
}
