package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/berth-registry/berth/identity/iam"
)

// GetFederationToken makes temporary credentials for somebody whom the calling user vouches for (STS-9).
func (a *API) GetFederationToken(ctx context.Context, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	got, err := a.Directory.FederationToken(ctx, iam.FederationToken{
		Name: aws.ToString(in.Name), Lifetime: seconds(in.DurationSeconds), Policy: aws.ToString(in.Policy), PolicyARNs: policyARNs(in.PolicyArns), Tags: tags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	out := &sts.GetFederationTokenOutput{
		Credentials: showCredentials(&got.TemporaryCredentials), FederatedUser: &types.FederatedUser{FederatedUserId: aws.String(got.ID), Arn: aws.String(got.ARN)},
	}
	if got.Packed > 0 {
		//lint:ignore SA1019 the clients of today read it (STS-9)
		out.PackedPolicySize = aws.Int32(int32(got.Packed)) //nolint:staticcheck // see above
	}
	return out, nil
}
