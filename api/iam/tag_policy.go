package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TagPolicy tags a managed policy (IAM-9, IAM-4).
func (a *API) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	if err := a.Directory.Tag(ctx, policy(in.PolicyArn), readTags(in.Tags)); err != nil {
		return nil, err
	}
	return &iam.TagPolicyOutput{}, nil
}
