package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DeleteAccessKey deletes an access key (IAM-5, API-15).
func (a *API) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	if err := a.Directory.DeleteAccessKey(ctx, aws.ToString(in.UserName), aws.ToString(in.AccessKeyId)); err != nil {
		return nil, err
	}
	return &iam.DeleteAccessKeyOutput{}, nil
}
