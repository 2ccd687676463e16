package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListMFADevices lists the MFA devices of a user: berth has none, which the tools that empty a user before they delete it have to hear.
func (a *API) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	if err := a.Directory.HasNone(ctx, "iam:ListMFADevices", aws.ToString(in.UserName)); err != nil {
		return nil, err
	}
	return &iam.ListMFADevicesOutput{MFADevices: []types.MFADevice{}}, nil
}
