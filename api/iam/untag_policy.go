package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UntagPolicy takes tags off a managed policy (IAM-9).
func (a *API) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	if err := a.Directory.Untag(ctx, policy(in.PolicyArn), in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagPolicyOutput{}, nil
}
