package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/berth-registry/berth/identity/iam"
)

// AssumeRole makes temporary credentials of a role that trusts the caller (STS-6..8).
func (a *API) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	ask := iam.AssumeRole{
		RoleARN: aws.ToString(in.RoleArn), SessionName: aws.ToString(in.RoleSessionName), Lifetime: seconds(in.DurationSeconds), Policy: aws.ToString(in.Policy),
		PolicyARNs: policyARNs(in.PolicyArns), Tags: tags(in.Tags), TransitiveTagKeys: in.TransitiveTagKeys, ExternalID: aws.ToString(in.ExternalId), SourceIdentity: aws.ToString(in.SourceIdentity), TokenCode: aws.ToString(in.TokenCode),
	}
	got, err := a.Directory.AssumeRole(ctx, ask)
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleOutput{
		Credentials: showCredentials(&got.TemporaryCredentials), AssumedRoleUser: &types.AssumedRoleUser{AssumedRoleId: aws.String(got.ID), Arn: aws.String(got.ARN)},
	}
	if got.Packed > 0 {
		//lint:ignore SA1019 the clients of today read it (STS-6)
		out.PackedPolicySize = aws.Int32(int32(got.Packed)) //nolint:staticcheck // see above
	}
	if got.SourceIdentity != "" {
		out.SourceIdentity = aws.String(got.SourceIdentity)
	}
	return out, nil
}
