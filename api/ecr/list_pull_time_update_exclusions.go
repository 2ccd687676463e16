package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// ListPullTimeUpdateExclusions lists by ARN those whose pulls leave no trace in the pull times of the caller's registry in the region (API-77, API-10).
func (a *API) ListPullTimeUpdateExclusions(ctx context.Context, in *ecr.ListPullTimeUpdateExclusionsInput) (*ecr.ListPullTimeUpdateExclusionsOutput, error) {
	id := caller(ctx)
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListPullTimeUpdateExclusions", id)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.ExcludedFromPullTimes(ctx, id, iam.From(ctx).Region)
	if err != nil {
		return nil, err
	}
	out := &ecr.ListPullTimeUpdateExclusionsOutput{PullTimeUpdateExclusions: []string{}}
	for _, arn := range list {
		if arn <= p.After {
			continue
		}
		if n := len(out.PullTimeUpdateExclusions); n == p.limit {
			out.NextToken = p.Next(out.PullTimeUpdateExclusions[n-1])
			break
		}
		out.PullTimeUpdateExclusions = append(out.PullTimeUpdateExclusions, arn)
	}
	return out, nil
}
