package operator

import "context"

// PutTagPatternInput names a repository, of the caller's account unless RegistryId says another, and the pattern: "" demands nothing.
type PutTagPatternInput struct {
	RegistryId                 *string //nolint:revive,staticcheck // see Account
	RepositoryName, TagPattern *string
}

// PutTagPatternOutput is the pattern.
type PutTagPatternOutput struct{ TagPattern *string }

// PutTagPattern demands that the tags which are pushed to a repository match a regular expression as a whole. It needs berth:PutTagPattern on the repository. The faults
// are RepositoryNotFound and InvalidParameter.
func (a *API) PutTagPattern(ctx context.Context, in *PutTagPatternInput) (*PutTagPatternOutput, error) {
	r, err := a.openRepository(ctx, in.RegistryId, in.RepositoryName, "berth:PutTagPattern")
	if err != nil {
		return nil, err
	}
	if err := r.SetTagPattern(ctx, *in.TagPattern); err != nil {
		return nil, err
	}
	return &PutTagPatternOutput{in.TagPattern}, nil
}
