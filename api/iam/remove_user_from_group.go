package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// RemoveUserFromGroup takes a user out of a group (IAM-6).
func (a *API) RemoveUserFromGroup(ctx context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	if err := a.Directory.RemoveUserFromGroup(ctx, aws.ToString(in.GroupName), aws.ToString(in.UserName)); err != nil {
		return nil, err
	}
	return &iam.RemoveUserFromGroupOutput{}, nil
}
