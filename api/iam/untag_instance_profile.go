package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UntagInstanceProfile takes tags from an instance profile (IAM-9).
func (a *API) UntagInstanceProfile(ctx context.Context, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	if err := a.Directory.Untag(ctx, profile(in.InstanceProfileName), in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagInstanceProfileOutput{}, nil
}
