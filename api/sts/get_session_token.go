package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/identity/iam"
)

// GetSessionToken makes temporary credentials of the calling user itself (STS-9).
func (a *API) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	t, err := a.Directory.SessionToken(ctx, iam.SessionToken{Lifetime: seconds(in.DurationSeconds), TokenCode: aws.ToString(in.TokenCode)})
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: showCredentials(t)}, nil
}
