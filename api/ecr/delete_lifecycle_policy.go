package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// DeleteLifecyclePolicy takes a repository's lifecycle policy away and shows what it was (LC-11). Its faults are RepositoryNotFound and LifecyclePolicyNotFound.
func (a *API) DeleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:DeleteLifecyclePolicy")
	if err != nil {
		return nil, err
	}
	l, err := r.DeleteLifecycle(ctx)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteLifecyclePolicyOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), LifecyclePolicyText: aws.String(l.Text), LastEvaluatedAt: aws.Time(l.Evaluated),
	}, nil
}
