package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	directory "github.com/berth-registry/berth/identity/iam"
)

// CreateUser makes a user (IAM-5).
func (a *API) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	user, err := a.Directory.CreateUser(ctx, directory.NewUser{
		Name: aws.ToString(in.UserName), Path: aws.ToString(in.Path), Boundary: aws.ToString(in.PermissionsBoundary), Tags: readTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: showUser(user)}, nil
}
