package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteLoginProfile takes a user's password away (IAM-5).
func (a *API) DeleteLoginProfile(ctx context.Context, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	if err := a.Directory.DeleteLoginProfile(ctx, aws.ToString(in.UserName)); err != nil {
		return nil, err
	}
	return &iam.DeleteLoginProfileOutput{}, nil
}
