package operator

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
)

// WhoCanInput names an action on a resource. Limit is 100 unless said.
type WhoCanInput struct {
	Action, Resource, NextToken *string
	Limit                       *int32
}

// WhoCanOutput is a page of the list: each an iam.Grantee as JSON. A page may be empty and yet have a NextToken.
type WhoCanOutput struct {
	Grantees  []string
	NextToken *string
}

// WhoCan lists who can do an action on a resource, and through what. It needs berth:WhoCan in the account of the resource or in the first one: see
// iam.Directory.WhoCan. The faults are AccessDenied, InvalidInput and InvalidParameter.
func (a *API) WhoCan(ctx context.Context, in *WhoCanInput) (*WhoCanOutput, error) {
	binding := []string{iam.From(ctx).CallerID(), "WhoCan", aws.ToString(in.Action), aws.ToString(in.Resource)}
	after := ""
	if in.NextToken != nil {
		var err error
		if after, err = a.Pages.Open(*in.NextToken, binding...); err != nil {
			return nil, err
		}
	}
	limit := 100
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	found, next, err := a.Directory.WhoCan(ctx, aws.ToString(in.Action), aws.ToString(in.Resource), after, limit)
	if err != nil {
		return nil, err
	}
	out := &WhoCanOutput{Grantees: make([]string, len(found))}
	for i := range found {
		text, err := json.Marshal(found[i])
		if err != nil {
			return nil, err
		}
		out.Grantees[i] = string(text)
	}
	if next != "" {
		out.NextToken = aws.String(a.Pages.Seal(next, binding...))
	}
	return out, nil
}
