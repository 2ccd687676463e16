package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// GetOpenIDConnectProvider shows an identity provider (IAM-9).
func (a *API) GetOpenIDConnectProvider(ctx context.Context, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	got, err := a.Directory.OIDCProvider(ctx, aws.ToString(in.OpenIDConnectProviderArn))
	if err != nil {
		return nil, err
	}
	return &iam.GetOpenIDConnectProviderOutput{
		Url: aws.String(got.URL), ClientIDList: got.Clients, ThumbprintList: got.Thumbprints, CreateDate: aws.Time(got.Created), Tags: showOptionalTags(got.Tags),
	}, nil
}
