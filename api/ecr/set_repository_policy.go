package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// SetRepositoryPolicy gives a repository a policy, in place of the one it may have (API-43). Its faults are RepositoryNotFound and InvalidParameter,
// which without force also refuses a policy under which the caller could not set another (API-45).
func (a *API) SetRepositoryPolicy(ctx context.Context, in *ecr.SetRepositoryPolicyInput) (*ecr.SetRepositoryPolicyOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:SetRepositoryPolicy")
	if err != nil {
		return nil, err
	}
	text, err := r.SetPolicy(ctx, aws.ToString(in.PolicyText), in.Force)
	if err != nil {
		return nil, err
	}
	return &ecr.SetRepositoryPolicyOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), PolicyText: aws.String(text),
	}, nil
}
