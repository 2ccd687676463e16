package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListSigningCertificates lists the signing certificates of a user: berth has none, which the tools that empty a user before they delete it have to hear.
func (a *API) ListSigningCertificates(ctx context.Context, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	if err := a.Directory.HasNone(ctx, "iam:ListSigningCertificates", aws.ToString(in.UserName)); err != nil {
		return nil, err
	}
	return &iam.ListSigningCertificatesOutput{Certificates: []types.SigningCertificate{}}, nil
}
