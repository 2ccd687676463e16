package operator

import "context"

// ListImageLocksInput names a repository, of the caller's account unless RegistryId says another.
type ListImageLocksInput struct {
	RegistryId                *string //nolint:revive,staticcheck // see Account
	RepositoryName, NextToken *string
	MaxResults                *int32
}

// ListImageLocksOutput is a page of locks.
type ListImageLocksOutput struct {
	Locks     []ImageLock
	NextToken *string
}

// ListImageLocks lists the locks of a repository by what they are on. It needs berth:ListImageLocks on the repository. The faults are RepositoryNotFound and
// InvalidParameter.
func (a *API) ListImageLocks(ctx context.Context, in *ListImageLocksInput) (*ListImageLocksOutput, error) {
	repo, list, limit, err := a.openList(ctx, in.RegistryId, in.RepositoryName, "berth:ListImageLocks", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	locks, more, err := repo.Locks(ctx, list.After, limit)
	if err != nil {
		return nil, err
	}
	out := &ListImageLocksOutput{Locks: []ImageLock{}}
	for i := range locks {
		out.Locks = append(out.Locks, *showLock(&locks[i]))
	}
	if more {
		out.NextToken = list.Next(locks[len(locks)-1].Target)
	}
	return out, nil
}
