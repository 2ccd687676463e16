package operator

import (
	"context"

	"github.com/berth-registry/berth/registry"
)

// PutLifecycleProtectionInput says what lifecycle policies never touch: what was pushed, or pulled, so recently. What is absent or 0 protects nothing.
type PutLifecycleProtectionInput struct{ GraceSeconds, PulledWithinSeconds *int64 }

// PutLifecycleProtectionOutput is empty.
type PutLifecycleProtectionOutput struct{}

// PutLifecycleProtection sets what the lifecycle policies of the caller's registry, in the region of the call, never touch. It needs berth:PutLifecycleProtection. The
// faults are AccessDenied and InvalidParameter.
func (a *API) PutLifecycleProtection(ctx context.Context, in *PutLifecycleProtectionInput) (*PutLifecycleProtectionOutput, error) {
	if err := a.Registry.PutLifecycleProtection(ctx, registry.LifecycleProtection{Grace: seconds(in.GraceSeconds), Pulled: seconds(in.PulledWithinSeconds)}); err != nil {
		return nil, err
	}
	return &PutLifecycleProtectionOutput{}, nil
}
