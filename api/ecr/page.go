package ecr

import (
	"context"

	"github.com/berth-registry/berth/identity/iam"
)

// pageSize is how much a page of a list holds when the caller does not say (API-10).
const pageSize = 100

// page is one stretch of a list: where it begins and how much it holds.
type page struct {
	after string
	limit int
	// binding is what the list is: a token is good for this and nothing else.
	binding []string
}

// page reads a list's token and size. what names everything that decides which list it is: the registry, the repository, the filters. The operation,
// the caller and the region are added, so that a token of another caller, operation or filter is refused like a forged one (API-10, H55).
func (a *API) page(ctx context.Context, token *string, size *int32, operation string, what ...string) (page, error) {
	p := page{limit: pageSize, binding: append([]string{iam.From(ctx).CallerID(), operation, iam.From(ctx).Region}, what...)}
	if size != nil {
		p.limit = int(*size)
	}
	if token != nil {
		after, err := a.Pages.Open(*token, p.binding...)
		if err != nil {
			return page{}, err
		}
		p.after = after
	}
	return p, nil
}

// next is the token that continues p at cursor; nil when the list ends there.
func (a *API) next(p page, cursor string) *string {
	if cursor == "" {
		return nil
	}
	token := a.Pages.Seal(cursor, p.binding...)
	return &token
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
