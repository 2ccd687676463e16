package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// GetLifecyclePolicy shows a repository's lifecycle policy and when it last ran (LC-11). Its faults are RepositoryNotFound and LifecyclePolicyNotFound.
func (a *API) GetLifecyclePolicy(ctx context.Context, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:GetLifecyclePolicy")
	if err != nil {
		return nil, err
	}
	l, err := r.Lifecycle(ctx)
	if err != nil {
		return nil, err
	}
	return &ecr.GetLifecyclePolicyOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), LifecyclePolicyText: aws.String(l.Text), LastEvaluatedAt: aws.Time(l.Evaluated),
	}, nil
}
