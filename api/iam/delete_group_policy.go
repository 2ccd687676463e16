package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteGroupPolicy deletes an inline policy of a group (IAM-8).
func (a *API) DeleteGroupPolicy(ctx context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	if err := a.Directory.DeleteInlinePolicy(ctx, group(in.GroupName), aws.ToString(in.PolicyName)); err != nil {
		return nil, err
	}
	return &iam.DeleteGroupPolicyOutput{}, nil
}
