package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UntagUser takes tags off a user (IAM-9).
func (a *API) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	if err := a.Directory.Untag(ctx, user(in.UserName), in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagUserOutput{}, nil
}
