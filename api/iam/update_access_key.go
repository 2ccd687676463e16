package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// UpdateAccessKey makes an access key active or inactive (IAM-5, API-15).
func (a *API) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	if err := a.Directory.UpdateAccessKey(ctx, aws.ToString(in.UserName), aws.ToString(in.AccessKeyId), in.Status == types.StatusTypeActive); err != nil {
		return nil, err
	}
	return &iam.UpdateAccessKeyOutput{}, nil
}
