package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// GetLifecycleProtectionInput is empty.
type GetLifecycleProtectionInput struct{}

// GetLifecycleProtectionOutput is what PutLifecycleProtection set; 0 protects nothing.
type GetLifecycleProtectionOutput struct{ GraceSeconds, PulledWithinSeconds *int64 }

// GetLifecycleProtection shows what the lifecycle policies of the caller's registry, in the region of the call, never touch. It needs berth:GetLifecycleProtection. The
// fault is AccessDenied.
func (a *API) GetLifecycleProtection(ctx context.Context, _ *GetLifecycleProtectionInput) (*GetLifecycleProtectionOutput, error) {
	p, err := a.Registry.LifecycleProtection(ctx)
	if err != nil {
		return nil, err
	}
	return &GetLifecycleProtectionOutput{aws.Int64(int64(p.Grace / time.Second)), aws.Int64(int64(p.Pulled / time.Second))}, nil
}
