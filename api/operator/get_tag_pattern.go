package operator

import "context"

// GetTagPatternInput names a repository, of the caller's account unless RegistryId says another.
type GetTagPatternInput struct {
	RegistryId     *string //nolint:revive,staticcheck // see Account
	RepositoryName *string
}

// GetTagPatternOutput is the pattern that the tags of the repository have to match; "" if they need not.
type GetTagPatternOutput struct{ TagPattern *string }

// GetTagPattern tells what PutTagPattern demands. It needs berth:GetTagPattern on the repository. The fault is RepositoryNotFound.
func (a *API) GetTagPattern(ctx context.Context, in *GetTagPatternInput) (*GetTagPatternOutput, error) {
	r, err := a.openRepository(ctx, in.RegistryId, in.RepositoryName, "berth:GetTagPattern")
	if err != nil {
		return nil, err
	}
	return &GetTagPatternOutput{&r.TagPattern}, nil
}
