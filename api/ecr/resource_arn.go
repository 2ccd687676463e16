package ecr

import (
	"context"
	"strings"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// repositoryOfARN is the repository that a resourceArn names: one of the region that was called, of any account (API-23, API-42). What is not exactly the
// ARN of a repository that could exist is refused before anything is looked up, so that no second spelling reaches the policies (H58).
func repositoryOfARN(ctx context.Context, s *string) (registry.Ref, error) {
	invalid := invalidParameter("resourceArn", "Invalid ARN")
	if s == nil {
		return registry.Ref{}, invalid
	}
	name, err := arn.Parse(*s)
	if err != nil {
		return registry.Ref{}, invalid
	}
	repository, ok := strings.CutPrefix(name.Resource, "repository/")
	region := iam.From(ctx).Region
	if !ok || name.Service != "ecr" || name.Region != region || name.Partition != arn.Partition(region) || !arn.IsAccount(name.Account) ||
		oci.CheckRepository(repository) != nil {
		return registry.Ref{}, invalid
	}
	return registry.Ref{Account: name.Account, Region: region, Name: repository}, nil
}
