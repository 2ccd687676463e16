package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// GetInstanceProfile returns an instance profile with its role (IAM-7).
func (a *API) GetInstanceProfile(ctx context.Context, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	p, err := a.Directory.InstanceProfile(ctx, aws.ToString(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	shown := showProfile(p)
	shown.Tags = showTags(p.Tags)
	return &iam.GetInstanceProfileOutput{InstanceProfile: shown}, nil
}
