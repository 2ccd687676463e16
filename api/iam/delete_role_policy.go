package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteRolePolicy deletes an inline policy of a role (IAM-8).
func (a *API) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	if err := a.Directory.DeleteInlinePolicy(ctx, role(in.RoleName), aws.ToString(in.PolicyName)); err != nil {
		return nil, err
	}
	return &iam.DeleteRolePolicyOutput{}, nil
}
