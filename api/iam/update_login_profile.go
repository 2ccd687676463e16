package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UpdateLoginProfile sets a user's password, or asks for another at the next sign-in (IAM-5).
func (a *API) UpdateLoginProfile(ctx context.Context, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	if err := a.Directory.UpdateLoginProfile(ctx, aws.ToString(in.UserName), aws.ToString(in.Password), in.PasswordResetRequired); err != nil {
		return nil, err
	}
	return &iam.UpdateLoginProfileOutput{}, nil
}
