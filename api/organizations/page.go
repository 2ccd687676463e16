package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/lang/awswire"
)

// page is one stretch of a list, and which list it is.
type page struct {
	org.Page
	list awswire.List
}

// page reads a list's token and size (ORG-25). what names the filters: with the caller and the operation they decide which list it is, and a token of another list or
// of somebody else is refused like a forged one (H55).
func (a *API) page(ctx context.Context, token *string, size *int32, operation string, what ...string) (page, error) {
	list, err := a.Pages.Begin(token, append([]string{iam.From(ctx).CallerID(), operation}, what...)...)
	if err != nil {
		err = fault.Wrap(err, fault.InvalidInput, "You provided an invalid NextToken.").With(fault.Reason{Reason: "INVALID_NEXT_TOKEN"})
	}
	return page{org.Page{After: list.After, Max: int(aws.ToInt32(size))}, list}, err
}
