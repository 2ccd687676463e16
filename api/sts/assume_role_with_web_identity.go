package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
)

// AssumeRoleWithWebIdentity makes temporary credentials of a role for the bearer of an identity provider's token; it is not signed (STS-10).
func (a *API) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	if in.ProviderId != nil {
		return nil, fault.New(fault.Validation, "ProviderId is for access tokens of OAuth 2.0 providers, which are not accepted here: pass an OpenID Connect token without it")
	}
	ask := iam.AssumeRoleWithWebIdentity{
		RoleARN: aws.ToString(in.RoleArn), SessionName: aws.ToString(in.RoleSessionName), Token: aws.ToString(in.WebIdentityToken),
		Lifetime: seconds(in.DurationSeconds), Policy: aws.ToString(in.Policy),
	}
	for _, p := range in.PolicyArns {
		ask.PolicyARNs = append(ask.PolicyARNs, aws.ToString(p.Arn))
	}
	got, err := a.Directory.AssumeRoleWithWebIdentity(ctx, ask)
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: showCredentials(&got.TemporaryCredentials), AssumedRoleUser: &types.AssumedRoleUser{AssumedRoleId: aws.String(got.ID), Arn: aws.String(got.ARN)},
		SubjectFromWebIdentityToken: aws.String(got.Subject), Audience: aws.String(got.Audience), Provider: aws.String(got.Provider),
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
