package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/fault"
	directory "github.com/berth-registry/berth/identity/iam"
)

// page is one stretch of a list, and which list it is.
type page struct {
	directory.Page
	binding []string
}

// page reads a list's marker and size (IAM-10). what names the filters: with the caller and the operation they decide which list it is, and a marker of another
// list or of somebody else, in the same account too, is refused like a forged one (H55).
func (a *API) page(ctx context.Context, marker *string, size *int32, operation string, what ...string) (page, error) {
	p := page{Page: directory.Page{Max: int(aws.ToInt32(size))}, binding: append([]string{directory.From(ctx).CallerID(), operation}, what...)}
	if marker != nil {
		after, err := a.Pages.Open(*marker, p.binding...)
		if err != nil {
			return p, fault.Wrap(err, fault.Validation, "Invalid Marker.")
		}
		p.After = after
	}
	return p, nil
}

// next is the marker that continues p at cursor, and whether there is more.
func (a *API) next(p page, cursor string) (marker *string, truncated bool) {
	if cursor == "" {
		return nil, false
	}
	return aws.String(a.Pages.Seal(cursor, p.binding...)), true
}
