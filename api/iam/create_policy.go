package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// CreatePolicy makes a managed policy (IAM-8).
func (a *API) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	policy, err := a.Directory.CreatePolicy(ctx, aws.ToString(in.PolicyName), aws.ToString(in.Path), aws.ToString(in.Description),
		aws.ToString(in.PolicyDocument), readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyOutput{Policy: showPolicy(policy)}, nil
}
