package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListSAMLProviders lists the SAML providers of the account: berth has none, and what manages an account by its lists has to hear so.
func (a *API) ListSAMLProviders(ctx context.Context, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	if err := a.Directory.AccountHasNone(ctx, "iam:ListSAMLProviders"); err != nil {
		return nil, err
	}
	return &iam.ListSAMLProvidersOutput{SAMLProviderList: []types.SAMLProviderListEntry{}}, nil
}
