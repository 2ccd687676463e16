package operator

import (
	"context"

	"github.com/berth-registry/berth/registry"
)

// LockImageInput names an image by its tag or its digest, of the caller's account unless RegistryId says another, and why it is locked.
type LockImageInput struct {
	RegistryId                    *string //nolint:revive,staticcheck // see Account
	RepositoryName, Image, Reason *string
}

// LockImageOutput is the lock.
type LockImageOutput struct{ Lock *ImageLock }

// LockImage keeps an image from being deleted, expired and archived, and a locked tag from naming another image. It needs berth:LockImage on the repository. The faults
// are RepositoryNotFound, ImageNotFound, TagInvalid, DigestInvalid, and InvalidParameter for an image that is locked already.
func (a *API) LockImage(ctx context.Context, in *LockImageInput) (*LockImageOutput, error) {
	r, err := a.openRepository(ctx, in.RegistryId, in.RepositoryName, "berth:LockImage")
	if err != nil {
		return nil, err
	}
	image, err := registry.ParseReference(*in.Image)
	if err != nil {
		return nil, err
	}
	lock, err := r.LockImage(ctx, image, *in.Reason)
	if err != nil {
		return nil, err
	}
	return &LockImageOutput{showLock(lock)}, nil
}
