package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// CreateGroup makes a group (IAM-6).
func (a *API) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	group, err := a.Directory.CreateGroup(ctx, aws.ToString(in.GroupName), aws.ToString(in.Path))
	if err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: showGroup(group)}, nil
}
