package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteInstanceProfile deletes an instance profile without a role (IAM-7, IAM-11).
func (a *API) DeleteInstanceProfile(ctx context.Context, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	if err := a.Directory.DeleteInstanceProfile(ctx, aws.ToString(in.InstanceProfileName)); err != nil {
		return nil, err
	}
	return &iam.DeleteInstanceProfileOutput{}, nil
}
