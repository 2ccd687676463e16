package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// SetDefaultPolicyVersion makes a version of a managed policy the one that counts (IAM-8).
func (a *API) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	if err := a.Directory.SetDefaultPolicyVersion(ctx, aws.ToString(in.PolicyArn), aws.ToString(in.VersionId)); err != nil {
		return nil, err
	}
	return &iam.SetDefaultPolicyVersionOutput{}, nil
}
