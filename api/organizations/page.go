package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
)

// page is one stretch of a list, and which list it is.
type page struct {
	org.Page
	binding []string
}

// page reads a list's token and size (ORG-25). what names the filters: with the caller and the operation they decide which list it is, and a token of another list or
// of somebody else is refused like a forged one (H55).
func (a *API) page(ctx context.Context, token *string, size *int32, operation string, what ...string) (page, error) {
	p := page{Page: org.Page{Max: int(aws.ToInt32(size))}, binding: append([]string{iam.From(ctx).CallerID(), operation}, what...)}
	if token != nil {
		after, err := a.Pages.Open(*token, p.binding...)
		if err != nil {
			return p, fault.Wrap(err, fault.InvalidInput, "You provided an invalid NextToken.").With(fault.Reason{Reason: "INVALID_NEXT_TOKEN"})
		}
		p.After = after
	}
	return p, nil
}

// next is the token that continues p at cursor; nil when the list ends there.
func (a *API) next(p page, cursor string) *string {
	if cursor == "" {
		return nil
	}
	return aws.String(a.Pages.Seal(cursor, p.binding...))
}
