package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// GetRepositoryPolicy shows a repository's policy (API-46). Its faults are RepositoryNotFound and RepositoryPolicyNotFound (API-47).
func (a *API) GetRepositoryPolicy(ctx context.Context, in *ecr.GetRepositoryPolicyInput) (*ecr.GetRepositoryPolicyOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:GetRepositoryPolicy")
	if err != nil {
		return nil, err
	}
	text, err := r.Policy(ctx)
	if err != nil {
		return nil, err
	}
	return &ecr.GetRepositoryPolicyOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), PolicyText: aws.String(text),
	}, nil
}
