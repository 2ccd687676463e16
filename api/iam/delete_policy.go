package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeletePolicy deletes a managed policy that nothing uses (IAM-8).
func (a *API) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	if err := a.Directory.DeletePolicy(ctx, aws.ToString(in.PolicyArn)); err != nil {
		return nil, err
	}
	return &iam.DeletePolicyOutput{}, nil
}
