package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// GetLoginProfile tells since when a user has a password (IAM-5).
func (a *API) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	p, err := a.Directory.LoginProfile(ctx, aws.ToString(in.UserName))
	if err != nil {
		return nil, err
	}
	return &iam.GetLoginProfileOutput{LoginProfile: showLoginProfile(p)}, nil
}
