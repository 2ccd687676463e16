package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteGroup deletes a group without users and policies (IAM-6, IAM-11).
func (a *API) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	if err := a.Directory.DeleteGroup(ctx, aws.ToString(in.GroupName)); err != nil {
		return nil, err
	}
	return &iam.DeleteGroupOutput{}, nil
}
