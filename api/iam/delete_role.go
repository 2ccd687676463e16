package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteRole deletes a role on which nothing hangs any more (IAM-7, IAM-11, STS-12).
func (a *API) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	if err := a.Directory.DeleteRole(ctx, aws.ToString(in.RoleName)); err != nil {
		return nil, err
	}
	return &iam.DeleteRoleOutput{}, nil
}
