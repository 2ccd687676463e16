package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListServerCertificates lists the server certificates of the account: berth has none, and what manages an account by its lists has to hear so.
func (a *API) ListServerCertificates(ctx context.Context, _ *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	if err := a.Directory.AccountHasNone(ctx, "iam:ListServerCertificates"); err != nil {
		return nil, err
	}
	return &iam.ListServerCertificatesOutput{ServerCertificateMetadataList: []types.ServerCertificateMetadata{}}, nil
}
