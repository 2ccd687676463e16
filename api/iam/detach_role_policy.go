package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DetachRolePolicy detaches a managed policy from a role (IAM-8).
func (a *API) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	if err := a.Directory.DetachPolicy(ctx, role(in.RoleName), aws.ToString(in.PolicyArn)); err != nil {
		return nil, err
	}
	return &iam.DetachRolePolicyOutput{}, nil
}
