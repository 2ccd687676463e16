package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
)

// DescribeRepositories shows the repositories that are named, each of which must exist and be allowed, or all of a registry by name, page by page
// (API-39, API-10, API-11). Its faults are RepositoryNotFound and InvalidParameter.
func (a *API) DescribeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	owner, region := account(ctx, in.RegistryId), iam.From(ctx).Region
	if in.RepositoryNames != nil {
		if err := notPaged(in.NextToken, in.MaxResults, "repositoryNames"); err != nil {
			return nil, err
		}
		repos, err := a.Registry.RepositoriesByName(ctx, owner, region, in.RepositoryNames)
		if err != nil {
			return nil, err
		}
		return &ecr.DescribeRepositoriesOutput{Repositories: a.describeAll(ctx, repos)}, nil
	}
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "DescribeRepositories", owner)
	if err != nil {
		return nil, err
	}
	repos, next, err := a.Registry.Repositories(ctx, owner, region, p.After, p.limit)
	if err != nil {
		return nil, err
	}
	return &ecr.DescribeRepositoriesOutput{Repositories: a.describeAll(ctx, repos), NextToken: p.Next(next)}, nil
}

func (a *API) describeAll(ctx context.Context, repos []*registry.Repository) []types.Repository {
	list := make([]types.Repository, len(repos))
	for i, r := range repos {
		list[i] = a.describe(ctx, r)
	}
	return list
}
