package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteUserPolicy deletes an inline policy of a user (IAM-8).
func (a *API) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	if err := a.Directory.DeleteInlinePolicy(ctx, user(in.UserName), aws.ToString(in.PolicyName)); err != nil {
		return nil, err
	}
	return &iam.DeleteUserPolicyOutput{}, nil
}
