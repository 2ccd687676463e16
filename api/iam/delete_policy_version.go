package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeletePolicyVersion deletes a version of a managed policy (IAM-8, IAM-11).
func (a *API) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	if err := a.Directory.DeletePolicyVersion(ctx, aws.ToString(in.PolicyArn), aws.ToString(in.VersionId)); err != nil {
		return nil, err
	}
	return &iam.DeletePolicyVersionOutput{}, nil
}
