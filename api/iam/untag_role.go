package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UntagRole takes tags off a role (IAM-9).
func (a *API) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	if err := a.Directory.Untag(ctx, role(in.RoleName), in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagRoleOutput{}, nil
}
