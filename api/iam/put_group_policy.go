package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// PutGroupPolicy stores an inline policy of a group, byte for byte (IAM-8, IAM-4).
func (a *API) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	if err := a.Directory.PutInlinePolicy(ctx, group(in.GroupName), aws.ToString(in.PolicyName), aws.ToString(in.PolicyDocument)); err != nil {
		return nil, err
	}
	return &iam.PutGroupPolicyOutput{}, nil
}
