package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// PutLifecyclePolicy gives a repository a lifecycle policy, in place of the one it may have; it first runs within a minute (LC-24). Its faults are RepositoryNotFound
// and InvalidParameter (LC-10).
func (a *API) PutLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:PutLifecyclePolicy")
	if err != nil {
		return nil, err
	}
	if err := r.SetLifecycle(ctx, aws.ToString(in.LifecyclePolicyText)); err != nil {
		return nil, err
	}
	return &ecr.PutLifecyclePolicyOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), LifecyclePolicyText: in.LifecyclePolicyText,
	}, nil
}
