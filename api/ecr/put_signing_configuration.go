package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// PutSigningConfiguration says which images of the caller's registry are signed when they are pushed, and with which profiles (API-78). Its fault is Validation
// for a profile of another region, or one that is not there.
func (a *API) PutSigningConfiguration(ctx context.Context, in *ecr.PutSigningConfigurationInput) (*ecr.PutSigningConfigurationOutput, error) {
	rules := readSigning(in.SigningConfiguration)
	if err := a.Registry.PutSigningRules(ctx, caller(ctx), iam.From(ctx).Region, rules); err != nil {
		return nil, err
	}
	return &ecr.PutSigningConfigurationOutput{SigningConfiguration: showSigning(rules)}, nil
}
