package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// AttachUserPolicy attaches a managed policy to a user (IAM-8, IAM-4).
func (a *API) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	if err := a.Directory.AttachPolicy(ctx, user(in.UserName), aws.ToString(in.PolicyArn)); err != nil {
		return nil, err
	}
	return &iam.AttachUserPolicyOutput{}, nil
}
