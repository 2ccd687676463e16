package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// PutImageTagMutability sets which tags of the repository may be moved by later pushes; tags that exist stay as they are (API-41, API-69). Its faults are
// RepositoryNotFound and InvalidParameter (API-38).
func (a *API) PutImageTagMutability(ctx context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:PutImageTagMutability")
	if err != nil {
		return nil, err
	}
	m := readMutability(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters)
	if err := r.SetMutability(ctx, m); err != nil {
		return nil, err
	}
	mode, filters := showMutability(m)
	return &ecr.PutImageTagMutabilityOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name),
		ImageTagMutability: mode, ImageTagMutabilityExclusionFilters: filters,
	}, nil
}
