package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// CreateInstanceProfile makes an instance profile (IAM-7).
func (a *API) CreateInstanceProfile(ctx context.Context, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	p, err := a.Directory.CreateInstanceProfile(ctx, aws.ToString(in.InstanceProfileName), aws.ToString(in.Path), readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &iam.CreateInstanceProfileOutput{InstanceProfile: showProfile(p)}, nil
}
