package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// DeleteSigningConfiguration removes the signing configuration of the caller's registry, and shows what it was (API-78). Its fault is SigningConfigurationNotFound.
func (a *API) DeleteSigningConfiguration(ctx context.Context, _ *ecr.DeleteSigningConfigurationInput) (*ecr.DeleteSigningConfigurationOutput, error) {
	rules, err := a.Registry.DeleteSigningRules(ctx, caller(ctx), iam.From(ctx).Region)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteSigningConfigurationOutput{RegistryId: aws.String(caller(ctx)), SigningConfiguration: showSigning(rules)}, nil
}
