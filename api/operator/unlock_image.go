package operator

import (
	"context"

	"github.com/berth-registry/berth/registry"
)

// UnlockImageInput names what is locked, a tag or a digest, of a repository of the caller's account unless RegistryId says another.
type UnlockImageInput struct {
	RegistryId            *string //nolint:revive,staticcheck // see Account
	RepositoryName, Image *string
}

// UnlockImageOutput is the lock that is gone.
type UnlockImageOutput struct{ Lock *ImageLock }

// UnlockImage takes a lock away. It needs berth:UnlockImage on the repository, which who may lock need not have. The faults are RepositoryNotFound, TagInvalid,
// DigestInvalid, and ImageNotFound for what is not locked.
func (a *API) UnlockImage(ctx context.Context, in *UnlockImageInput) (*UnlockImageOutput, error) {
	r, err := a.openRepository(ctx, in.RegistryId, in.RepositoryName, "berth:UnlockImage")
	if err != nil {
		return nil, err
	}
	image, err := registry.ParseReference(*in.Image)
	if err != nil {
		return nil, err
	}
	lock, err := r.UnlockImage(ctx, image)
	if err != nil {
		return nil, err
	}
	return &UnlockImageOutput{showLock(lock)}, nil
}
