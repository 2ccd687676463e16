package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/identity/iam"
)

// PutRegistryPolicy gives the caller's registry in the region a policy, in place of the one it may have (API-48). Its fault is InvalidParameter.
func (a *API) PutRegistryPolicy(ctx context.Context, in *ecr.PutRegistryPolicyInput) (*ecr.PutRegistryPolicyOutput, error) {
	id := caller(ctx)
	text, err := a.Registry.PutRegistryPolicy(ctx, id, iam.From(ctx).Region, aws.ToString(in.PolicyText))
	if err != nil {
		return nil, err
	}
	return &ecr.PutRegistryPolicyOutput{RegistryId: aws.String(id), PolicyText: aws.String(text)}, nil
}
