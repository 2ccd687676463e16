package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// PutAccountSetting changes a setting of the caller's registry (API-49). Its fault is the registry's for a name or value that it does not know.
func (a *API) PutAccountSetting(ctx context.Context, in *ecr.PutAccountSettingInput) (*ecr.PutAccountSettingOutput, error) {
	if err := a.Registry.PutAccountSetting(ctx, caller(ctx), iam.From(ctx).Region, aws.ToString(in.Name), aws.ToString(in.Value)); err != nil {
		return nil, err
	}
	return &ecr.PutAccountSettingOutput{Name: in.Name, Value: in.Value}, nil
}
