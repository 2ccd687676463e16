package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
)

// ListRepositoriesInput names a registry, that of the caller unless RegistryId says another, and the tags that repositories must have, all of them.
type ListRepositoriesInput struct {
	RegistryId *string //nolint:revive,staticcheck // see Account
	Tags       []ResourceTag
	NextToken  *string
	MaxResults *int32
}

// ResourceTag is a tag of a repository. Of one that is asked for, no Value is any value.
type ResourceTag struct{ Key, Value *string }

// ListRepositoriesOutput is a page of repositories. With a NextToken there are more.
type ListRepositoriesOutput struct {
	Repositories []RepositoryWithTags
	NextToken    *string
}

// RepositoryWithTags is a repository as a list by tags shows it.
type RepositoryWithTags struct {
	RepositoryArn, RepositoryName *string
	CreatedAt                     *time.Time
	Tags                          []ResourceTag
}

// ListRepositories lists the repositories of a registry that have all of the tags, by name. AWS has this only in a service of its own. It needs berth:ListRepositories on
// all of the registry's repositories. The faults are AccessDenied and InvalidParameter.
func (a *API) ListRepositories(ctx context.Context, in *ListRepositoriesInput) (*ListRepositoriesOutput, error) {
	call := iam.From(ctx)
	account, limit := call.Home(), listPage
	if in.RegistryId != nil {
		account = *in.RegistryId
	}
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	var filters []registry.TagFilter
	what := []string{account, call.Region}
	for _, t := range in.Tags {
		filters = append(filters, registry.TagFilter{Key: aws.ToString(t.Key), Value: t.Value})
		of := "any"
		if t.Value != nil {
			of = "=" + *t.Value
		}
		what = append(what, aws.ToString(t.Key), of)
	}
	page, err := a.list(ctx, in.NextToken, "ListRepositories", what...)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Registry.RepositoriesByTags(ctx, account, call.Region, filters, page.After, limit)
	if err != nil {
		return nil, err
	}
	out := &ListRepositoriesOutput{Repositories: make([]RepositoryWithTags, len(list)), NextToken: page.Next(next)}
	for i, r := range list {
		shown := RepositoryWithTags{RepositoryArn: aws.String(r.ARN()), RepositoryName: &r.Name, CreatedAt: &r.CreatedAt, Tags: make([]ResourceTag, len(r.Tags))}
		for n := range r.Tags {
			shown.Tags[n] = ResourceTag{&r.Tags[n].Key, &r.Tags[n].Value}
		}
		out.Repositories[i] = shown
	}
	return out, nil
}
