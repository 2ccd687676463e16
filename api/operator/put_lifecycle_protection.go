package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// PutLifecycleProtectionInput says what lifecycle policies never touch: what was pushed, or pulled, so recently. 0 protects nothing; what is absent stays as it is.
type PutLifecycleProtectionInput struct{ GraceSeconds, PulledWithinSeconds *int64 }

// PutLifecycleProtectionOutput is what holds then.
type PutLifecycleProtectionOutput struct{ GraceSeconds, PulledWithinSeconds *int64 }

// PutLifecycleProtection changes what the lifecycle policies of the caller's registry, in the region of the call, never touch. It needs berth:PutLifecycleProtection. The
// faults are AccessDenied and InvalidParameter.
func (a *API) PutLifecycleProtection(ctx context.Context, in *PutLifecycleProtectionInput) (*PutLifecycleProtectionOutput, error) {
	p, err := a.Registry.PutLifecycleProtection(ctx, some(in.GraceSeconds), some(in.PulledWithinSeconds))
	if err != nil {
		return nil, err
	}
	return &PutLifecycleProtectionOutput{aws.Int64(int64(p.Grace / time.Second)), aws.Int64(int64(p.Pulled / time.Second))}, nil
}

// some is a duration from the wire, if there is one.
func some(n *int64) *time.Duration {
	if n == nil {
		return nil
	}
	return aws.Duration(seconds(n))
}
