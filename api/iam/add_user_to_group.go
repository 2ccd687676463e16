package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// AddUserToGroup puts a user into a group (IAM-6).
func (a *API) AddUserToGroup(ctx context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	if err := a.Directory.AddUserToGroup(ctx, aws.ToString(in.GroupName), aws.ToString(in.UserName)); err != nil {
		return nil, err
	}
	return &iam.AddUserToGroupOutput{}, nil
}
