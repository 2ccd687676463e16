package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// CreateAccessKey makes an access key. Its secret is in this answer and in no other (IAM-5).
func (a *API) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	key, err := a.Directory.CreateAccessKey(ctx, aws.ToString(in.UserName))
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: showNewKey(key)}, nil
}
