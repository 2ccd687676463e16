package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// GetAccessKeyLastUsed tells when, for which service and in which region an access key was last used (IAM-5).
func (a *API) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	use, err := a.Directory.AccessKeyLastUsed(ctx, aws.ToString(in.AccessKeyId))
	if err != nil {
		return nil, err
	}
	last := &types.AccessKeyLastUsed{ServiceName: aws.String(use.Service), Region: aws.String(use.Region)}
	if !use.At.IsZero() {
		last.LastUsedDate = aws.Time(use.At)
	}
	return &iam.GetAccessKeyLastUsedOutput{UserName: optional(use.UserName), AccessKeyLastUsed: last}, nil
}
