package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// DeleteRepository deletes a repository with its policy and tags, and with force also its images, and shows what it was (API-40). Its faults are
// RepositoryNotFound and, without force while any image is there, RepositoryNotEmpty.
func (a *API) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:DeleteRepository")
	if err != nil {
		return nil, err
	}
	if err := r.Delete(ctx, in.Force); err != nil {
		return nil, err
	}
	was := a.describe(ctx, r.Repository)
	return &ecr.DeleteRepositoryOutput{Repository: &was}, nil
}
