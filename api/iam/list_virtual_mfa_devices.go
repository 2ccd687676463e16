package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListVirtualMFADevices lists the virtual MFA devices of the account: berth has none, and what manages an account by its lists has to hear so.
func (a *API) ListVirtualMFADevices(ctx context.Context, _ *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	if err := a.Directory.AccountHasNone(ctx, "iam:ListVirtualMFADevices"); err != nil {
		return nil, err
	}
	return &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}}, nil
}
