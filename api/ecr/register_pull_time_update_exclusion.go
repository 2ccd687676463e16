package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// RegisterPullTimeUpdateExclusion makes the pulls of a user or role leave no trace in the pull times of the caller's registry in the region (API-77). Its faults
// are ExclusionAlreadyExists and LimitExceeded.
func (a *API) RegisterPullTimeUpdateExclusion(ctx context.Context, in *ecr.RegisterPullTimeUpdateExclusionInput) (*ecr.RegisterPullTimeUpdateExclusionOutput, error) {
	since, err := a.Registry.ExcludeFromPullTimes(ctx, caller(ctx), iam.From(ctx).Region, aws.ToString(in.PrincipalArn))
	if err != nil {
		return nil, err
	}
	return &ecr.RegisterPullTimeUpdateExclusionOutput{PrincipalArn: in.PrincipalArn, CreatedAt: aws.Time(since)}, nil
}
