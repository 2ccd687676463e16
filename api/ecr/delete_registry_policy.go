package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// DeleteRegistryPolicy removes the policy of the caller's registry in the region, and shows it once more (API-48). Its fault is RegistryPolicyNotFound.
func (a *API) DeleteRegistryPolicy(ctx context.Context, _ *ecr.DeleteRegistryPolicyInput) (*ecr.DeleteRegistryPolicyOutput, error) {
	id := caller(ctx)
	text, err := a.Registry.DeleteRegistryPolicy(ctx, id, iam.From(ctx).Region)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRegistryPolicyOutput{RegistryId: aws.String(id), PolicyText: aws.String(text)}, nil
}
