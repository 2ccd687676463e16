package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TagRole tags a role (IAM-9, IAM-4).
func (a *API) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	if err := a.Directory.Tag(ctx, role(in.RoleName), readTags(in.Tags)); err != nil {
		return nil, err
	}
	return &iam.TagRoleOutput{}, nil
}
