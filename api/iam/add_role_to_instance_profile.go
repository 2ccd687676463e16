package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// AddRoleToInstanceProfile puts a role into an instance profile, which takes one (IAM-4, IAM-7).
func (a *API) AddRoleToInstanceProfile(ctx context.Context, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	if err := a.Directory.AddRoleToInstanceProfile(ctx, aws.ToString(in.InstanceProfileName), aws.ToString(in.RoleName)); err != nil {
		return nil, err
	}
	return &iam.AddRoleToInstanceProfileOutput{}, nil
}
