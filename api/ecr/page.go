package ecr

import (
	"context"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
)

// pageSize is how much a page of a list holds when the caller does not say (API-10).
const pageSize = 100

// page is one stretch of a list: where it begins and how much it holds.
type page struct {
	awswire.List
	limit int
}

// page reads a list's token and size. what names everything that decides which list it is: the registry, the repository, the filters. The operation,
// the caller and the region are added, so that a token of another caller, operation or filter is refused like a forged one (API-10, H55).
func (a *API) page(ctx context.Context, token *string, size *int32, operation string, what ...string) (page, error) {
	list, err := a.Pages.Begin(token, append([]string{iam.From(ctx).CallerID(), operation, iam.From(ctx).Region}, what...)...)
	p := page{list, pageSize}
	if size != nil {
		p.limit = int(*size)
	}
	return p, err
}

// notPaged refuses a token or a page size beside a list of what is wanted, which is answered whole (API-10).
func notPaged(token *string, size *int32, list string) error {
	switch {
	case token != nil:
		return invalidParameter("nextToken", "must not be given together with "+list)
	case size != nil:
		return invalidParameter("maxResults", "must not be given together with "+list)
	}
	return nil
}
