package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// DeleteRepositoryPolicy takes a repository's policy away and shows what it was. Its faults are RepositoryNotFound and RepositoryPolicyNotFound (API-47).
func (a *API) DeleteRepositoryPolicy(ctx context.Context, in *ecr.DeleteRepositoryPolicyInput) (*ecr.DeleteRepositoryPolicyOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:DeleteRepositoryPolicy")
	if err != nil {
		return nil, err
	}
	text, err := r.DeletePolicy(ctx)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryPolicyOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), PolicyText: aws.String(text),
	}, nil
}
