package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// DeregisterPullTimeUpdateExclusion makes the pulls of a user or role count again (API-77). Its fault is ExclusionNotFound.
func (a *API) DeregisterPullTimeUpdateExclusion(ctx context.Context, in *ecr.DeregisterPullTimeUpdateExclusionInput) (*ecr.DeregisterPullTimeUpdateExclusionOutput, error) {
	if err := a.Registry.IncludeInPullTimes(ctx, caller(ctx), iam.From(ctx).Region, aws.ToString(in.PrincipalArn)); err != nil {
		return nil, err
	}
	return &ecr.DeregisterPullTimeUpdateExclusionOutput{PrincipalArn: in.PrincipalArn}, nil
}
