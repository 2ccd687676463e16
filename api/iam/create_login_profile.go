package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/berth-registry/berth/fault"
)

// CreateLoginProfile gives a user a password to sign in with (IAM-5).
func (a *API) CreateLoginProfile(ctx context.Context, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	if in.Password == nil { // the model lets it out for a kind of sign-in that is not offered here
		return nil, fault.New(fault.Validation, "1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
	}
	p, err := a.Directory.CreateLoginProfile(ctx, aws.ToString(in.UserName), *in.Password, in.PasswordResetRequired)
	if err != nil {
		return nil, err
	}
	return &iam.CreateLoginProfileOutput{LoginProfile: showLoginProfile(p)}, nil
}
