package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// AttachGroupPolicy attaches a managed policy to a group (IAM-8, IAM-4).
func (a *API) AttachGroupPolicy(ctx context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	if err := a.Directory.AttachPolicy(ctx, group(in.GroupName), aws.ToString(in.PolicyArn)); err != nil {
		return nil, err
	}
	return &iam.AttachGroupPolicyOutput{}, nil
}
