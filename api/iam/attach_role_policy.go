package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// AttachRolePolicy attaches a managed policy to a role (IAM-8, IAM-4).
func (a *API) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	if err := a.Directory.AttachPolicy(ctx, role(in.RoleName), aws.ToString(in.PolicyArn)); err != nil {
		return nil, err
	}
	return &iam.AttachRolePolicyOutput{}, nil
}
