package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/identity/iam"
)

// DescribeRegistry shows the caller's registry in the region (API-26, API-76). Its replication configuration has no rules: nothing is replicated.
func (a *API) DescribeRegistry(ctx context.Context, _ *ecr.DescribeRegistryInput) (*ecr.DescribeRegistryOutput, error) {
	id := caller(ctx)
	if err := a.Registry.Describe(ctx, id, iam.From(ctx).Region); err != nil {
		return nil, err
	}
	return &ecr.DescribeRegistryOutput{
		RegistryId: aws.String(id), ReplicationConfiguration: &types.ReplicationConfiguration{Rules: []types.ReplicationRule{}},
	}, nil
}
