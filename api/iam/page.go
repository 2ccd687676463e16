package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/fault"
	directory "github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
)

// page is one stretch of a list, and which list it is.
type page struct {
	directory.Page
	list awswire.List
}

// page reads a list's marker and size (IAM-10). what names the filters: with the caller and the operation they decide which list it is, and a marker of another
// list or of somebody else, in the same account too, is refused like a forged one (H55).
func (a *API) page(ctx context.Context, marker *string, size *int32, operation string, what ...string) (page, error) {
	list, err := a.Pages.Begin(marker, append([]string{directory.From(ctx).CallerID(), operation}, what...)...)
	if err != nil {
		err = fault.Wrap(err, fault.Validation, "Invalid Marker.")
	}
	return page{directory.Page{After: list.After, Max: int(aws.ToInt32(size))}, list}, err
}

// next is the marker that continues p at cursor, and whether there is more.
func (p *page) next(cursor string) (marker *string, truncated bool) {
	return p.list.Next(cursor), cursor != ""
}
