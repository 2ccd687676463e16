package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// CreateServiceLinkedRole makes the role of a service (IAM-7, IAM-12).
func (a *API) CreateServiceLinkedRole(ctx context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	role, err := a.Directory.CreateServiceLinkedRole(ctx, aws.ToString(in.AWSServiceName), aws.ToString(in.Description), aws.ToString(in.CustomSuffix))
	if err != nil {
		return nil, err
	}
	return &iam.CreateServiceLinkedRoleOutput{Role: showRole(role)}, nil
}
