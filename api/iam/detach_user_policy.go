package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DetachUserPolicy detaches a managed policy from a user (IAM-8).
func (a *API) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	if err := a.Directory.DetachPolicy(ctx, user(in.UserName), aws.ToString(in.PolicyArn)); err != nil {
		return nil, err
	}
	return &iam.DetachUserPolicyOutput{}, nil
}
