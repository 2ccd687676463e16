package operator

import (
	"context"
	"time"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
)

// SigningProfile is a profile that signs images, as the wire shows it. Certificate is what a trust store needs, PEM.
type SigningProfile struct {
	Arn         *string
	Name        *string
	CreatedAt   *time.Time
	Certificate *string
}

func showProfile(p *registry.SigningProfile) SigningProfile {
	return SigningProfile{&p.ARN, &p.Name, &p.CreatedAt, &p.Authority}
}

// CreateSigningProfileInput names a profile: letters, digits and underscores.
type CreateSigningProfileInput struct{ Name *string }

// CreateSigningProfileOutput is the profile.
type CreateSigningProfileOutput struct{ Profile *SigningProfile }

// CreateSigningProfile makes a profile of the caller's account, in the region of the call, with a key that never leaves the cell. It needs
// berth:CreateSigningProfile on the profile: see registry.CreateSigningProfile. The faults are InvalidParameter, EntityAlreadyExists and LimitExceeded.
func (a *API) CreateSigningProfile(ctx context.Context, in *CreateSigningProfileInput) (*CreateSigningProfileOutput, error) {
	call := iam.From(ctx)
	p, err := a.Registry.CreateSigningProfile(ctx, call.Home(), call.Region, *in.Name)
	if err != nil {
		return nil, err
	}
	shown := showProfile(p)
	return &CreateSigningProfileOutput{&shown}, nil
}
