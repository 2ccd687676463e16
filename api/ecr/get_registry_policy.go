package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// GetRegistryPolicy shows the policy of the caller's registry in the region (API-48). Its fault is RegistryPolicyNotFound.
func (a *API) GetRegistryPolicy(ctx context.Context, _ *ecr.GetRegistryPolicyInput) (*ecr.GetRegistryPolicyOutput, error) {
	id := caller(ctx)
	text, err := a.Registry.RegistryPolicy(ctx, id, iam.From(ctx).Region)
	if err != nil {
		return nil, err
	}
	return &ecr.GetRegistryPolicyOutput{RegistryId: aws.String(id), PolicyText: aws.String(text)}, nil
}
