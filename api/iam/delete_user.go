package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteUser deletes a user on which nothing hangs any more (IAM-5, IAM-11).
func (a *API) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	if err := a.Directory.DeleteUser(ctx, aws.ToString(in.UserName)); err != nil {
		return nil, err
	}
	return &iam.DeleteUserOutput{}, nil
}
