package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteUserPermissionsBoundary takes the permissions boundary of a user away (IAM-7).
func (a *API) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	if err := a.Directory.DeleteBoundary(ctx, user(in.UserName)); err != nil {
		return nil, err
	}
	return &iam.DeleteUserPermissionsBoundaryOutput{}, nil
}
