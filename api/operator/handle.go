package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/registry"
)

// listPage is how much a page of a list of a repository holds when the caller does not say.
const listPage = 100

// openRepository asks for a handle on a repository in the caller's region, of his account unless registryID says another.
func (a *API) openRepository(ctx context.Context, registryID, name *string, action string) (*registry.Repo, error) {
	call := iam.From(ctx)
	ref := registry.Ref{Account: call.Home(), Region: call.Region, Name: aws.ToString(name)}
	if registryID != nil {
		ref.Account = *registryID
	}
	return a.Registry.Open(ctx, ref, action)
}

// openList is openRepository for a list: it goes on at the place of token, and limit is how much a page holds.
func (a *API) openList(ctx context.Context, registryID, name *string, action string, token *string, size *int32) (repo *registry.Repo, list awswire.List, limit int, err error) {
	if repo, err = a.openRepository(ctx, registryID, name, action); err != nil {
		return nil, list, 0, err
	}
	limit = listPage
	if size != nil {
		limit = int(*size)
	}
	list, err = a.Pages.Begin(token, iam.From(ctx).CallerID(), action, repo.ARN())
	return repo, list, limit, err
}
