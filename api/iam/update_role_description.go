package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UpdateRoleDescription changes the description of a role (IAM-7).
func (a *API) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	role, err := a.Directory.UpdateRoleDescription(ctx, aws.ToString(in.RoleName), aws.ToString(in.Description))
	if err != nil {
		return nil, err
	}
	return &iam.UpdateRoleDescriptionOutput{Role: showRole(role)}, nil
}
