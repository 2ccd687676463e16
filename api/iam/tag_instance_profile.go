package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TagInstanceProfile adds tags to an instance profile (IAM-9).
func (a *API) TagInstanceProfile(ctx context.Context, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	if err := a.Directory.Tag(ctx, profile(in.InstanceProfileName), readTags(in.Tags)); err != nil {
		return nil, err
	}
	return &iam.TagInstanceProfileOutput{}, nil
}
