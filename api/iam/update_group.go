package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UpdateGroup gives a group another name or path (IAM-6).
func (a *API) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	if err := a.Directory.UpdateGroup(ctx, aws.ToString(in.GroupName), aws.ToString(in.NewGroupName), aws.ToString(in.NewPath)); err != nil {
		return nil, err
	}
	return &iam.UpdateGroupOutput{}, nil
}
