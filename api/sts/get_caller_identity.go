package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// GetCallerIdentity says who is calling. No policy can forbid it (STS-5).
func (a *API) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	who, err := a.Directory.CallerIdentity(ctx)
	if err != nil {
		return nil, err
	}
	return &sts.GetCallerIdentityOutput{Arn: aws.String(who.ARN), UserId: aws.String(who.UserID), Account: aws.String(who.Account)}, nil
}
