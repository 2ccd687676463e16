package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	directory "github.com/berth-registry/berth/identity/iam"
)

// CreateRole makes a role (IAM-7).
func (a *API) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	role, err := a.Directory.CreateRole(ctx, directory.NewRole{
		Name: aws.ToString(in.RoleName), Path: aws.ToString(in.Path), Description: aws.ToString(in.Description), Trust: aws.ToString(in.AssumeRolePolicyDocument),
		Boundary: aws.ToString(in.PermissionsBoundary), MaxSession: seconds(in.MaxSessionDuration), Tags: readTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: showRole(role)}, nil
}
