package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TagUser tags a user (IAM-9, IAM-4).
func (a *API) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	if err := a.Directory.Tag(ctx, user(in.UserName), readTags(in.Tags)); err != nil {
		return nil, err
	}
	return &iam.TagUserOutput{}, nil
}
