package operator

import (
	"context"

	"github.com/berth-registry/berth/identity/iam"
)

// ListSigningProfilesInput asks for the profiles of the caller's account in the region of the call.
type ListSigningProfilesInput struct{}

// ListSigningProfilesOutput lists them all, by name; there are 100 at most.
type ListSigningProfilesOutput struct{ Profiles []SigningProfile }

// ListSigningProfiles lists the profiles that sign images. It needs berth:ListSigningProfiles.
func (a *API) ListSigningProfiles(ctx context.Context, _ *ListSigningProfilesInput) (*ListSigningProfilesOutput, error) {
	call := iam.From(ctx)
	list, err := a.Registry.SigningProfiles(ctx, call.Home(), call.Region)
	if err != nil {
		return nil, err
	}
	out := &ListSigningProfilesOutput{Profiles: make([]SigningProfile, len(list))}
	for i := range list {
		out.Profiles[i] = showProfile(&list[i])
	}
	return out, nil
}
