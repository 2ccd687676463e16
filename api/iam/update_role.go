package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UpdateRole changes the description and the longest session of a role; what is not given stays (IAM-7).
func (a *API) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	var most *time.Duration
	if in.MaxSessionDuration != nil {
		most = aws.Duration(seconds(in.MaxSessionDuration))
	}
	if err := a.Directory.UpdateRole(ctx, aws.ToString(in.RoleName), in.Description, most); err != nil {
		return nil, err
	}
	return &iam.UpdateRoleOutput{}, nil
}
