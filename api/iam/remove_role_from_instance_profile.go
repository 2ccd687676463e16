package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// RemoveRoleFromInstanceProfile takes a role out of an instance profile (IAM-7).
func (a *API) RemoveRoleFromInstanceProfile(ctx context.Context, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	if err := a.Directory.RemoveRoleFromInstanceProfile(ctx, aws.ToString(in.InstanceProfileName), aws.ToString(in.RoleName)); err != nil {
		return nil, err
	}
	return &iam.RemoveRoleFromInstanceProfileOutput{}, nil
}
