package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListRoots lists the organization's one root with its policy types (ORG-11).
func (a *API) ListRoots(ctx context.Context, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	if _, err := a.page(ctx, in.NextToken, in.MaxResults, "ListRoots"); err != nil {
		return nil, err
	}
	roots, err := a.Organizations.Roots(ctx)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListRootsOutput{Roots: []types.Root{}}
	for i := range roots {
		out.Roots = append(out.Roots, *showRoot(&roots[i]))
	}
	return out, nil
}
