package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// GetPolicyVersion returns a version of a managed policy with its document, URL-encoded (IAM-8).
func (a *API) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	version, err := a.Directory.PolicyVersion(ctx, aws.ToString(in.PolicyArn), aws.ToString(in.VersionId))
	if err != nil {
		return nil, err
	}
	return &iam.GetPolicyVersionOutput{PolicyVersion: showVersion(version)}, nil
}
