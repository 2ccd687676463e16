package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ChangePassword sets another password of the calling user (IAM-5).
func (a *API) ChangePassword(ctx context.Context, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	if err := a.Directory.ChangePassword(ctx, aws.ToString(in.OldPassword), aws.ToString(in.NewPassword)); err != nil {
		return nil, err
	}
	return &iam.ChangePasswordOutput{}, nil
}
