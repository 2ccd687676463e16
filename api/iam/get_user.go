package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// GetUser returns a user, and the caller when no user is named (IAM-5).
func (a *API) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	user, err := a.Directory.User(ctx, aws.ToString(in.UserName))
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: showUser(user)}, nil
}
