package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// PutRolePolicy stores an inline policy of a role, byte for byte (IAM-8, IAM-4).
func (a *API) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	if err := a.Directory.PutInlinePolicy(ctx, role(in.RoleName), aws.ToString(in.PolicyName), aws.ToString(in.PolicyDocument)); err != nil {
		return nil, err
	}
	return &iam.PutRolePolicyOutput{}, nil
}
