package operator

import (
	"context"

	"github.com/berth-registry/berth/identity/iam"
)

// DeleteSigningProfileInput names a profile of the caller's account in the region of the call.
type DeleteSigningProfileInput struct{ Name *string }

// DeleteSigningProfileOutput is empty.
type DeleteSigningProfileOutput struct{}

// DeleteSigningProfile deletes a profile with its key; what it has signed stays signed. It needs berth:DeleteSigningProfile on the profile. The fault is
// NoSuchEntity.
func (a *API) DeleteSigningProfile(ctx context.Context, in *DeleteSigningProfileInput) (*DeleteSigningProfileOutput, error) {
	call := iam.From(ctx)
	return &DeleteSigningProfileOutput{}, a.Registry.DeleteSigningProfile(ctx, call.Home(), call.Region, *in.Name)
}
