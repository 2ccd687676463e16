package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteRolePermissionsBoundary takes the permissions boundary of a role away (IAM-7).
func (a *API) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	if err := a.Directory.DeleteBoundary(ctx, role(in.RoleName)); err != nil {
		return nil, err
	}
	return &iam.DeleteRolePermissionsBoundaryOutput{}, nil
}
