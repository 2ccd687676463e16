package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// GetSigningConfiguration shows the signing configuration of the caller's registry (API-78). Its fault is SigningConfigurationNotFound.
func (a *API) GetSigningConfiguration(ctx context.Context, _ *ecr.GetSigningConfigurationInput) (*ecr.GetSigningConfigurationOutput, error) {
	rules, err := a.Registry.SigningRules(ctx, caller(ctx), iam.From(ctx).Region)
	if err != nil {
		return nil, err
	}
	return &ecr.GetSigningConfigurationOutput{RegistryId: aws.String(caller(ctx)), SigningConfiguration: showSigning(rules)}, nil
}
