package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// PutUserPolicy stores an inline policy of a user, byte for byte (IAM-8, IAM-4).
func (a *API) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	if err := a.Directory.PutInlinePolicy(ctx, user(in.UserName), aws.ToString(in.PolicyName), aws.ToString(in.PolicyDocument)); err != nil {
		return nil, err
	}
	return &iam.PutUserPolicyOutput{}, nil
}
