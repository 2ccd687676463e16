package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DetachGroupPolicy detaches a managed policy from a group (IAM-8).
func (a *API) DetachGroupPolicy(ctx context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	if err := a.Directory.DetachPolicy(ctx, group(in.GroupName), aws.ToString(in.PolicyArn)); err != nil {
		return nil, err
	}
	return &iam.DetachGroupPolicyOutput{}, nil
}
