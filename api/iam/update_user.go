package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UpdateUser gives a user another name or path (IAM-5).
func (a *API) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	if err := a.Directory.UpdateUser(ctx, aws.ToString(in.UserName), aws.ToString(in.NewUserName), aws.ToString(in.NewPath)); err != nil {
		return nil, err
	}
	return &iam.UpdateUserOutput{}, nil
}
