package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// GetAccountSetting shows a setting of the caller's registry (API-49). Its fault is the registry's for a name that is none of its settings.
func (a *API) GetAccountSetting(ctx context.Context, in *ecr.GetAccountSettingInput) (*ecr.GetAccountSettingOutput, error) {
	value, err := a.Registry.AccountSetting(ctx, caller(ctx), iam.From(ctx).Region, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	return &ecr.GetAccountSettingOutput{Name: in.Name, Value: aws.String(value)}, nil
}
