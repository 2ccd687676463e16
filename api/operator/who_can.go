package operator

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// WhoCanInput names an action on a resource. MaxResults is 100 unless said.
type WhoCanInput struct {
	Action, Resource, NextToken *string
	MaxResults                  *int32
}

// WhoCanOutput is a page of the list: each an iam.Grantee as JSON. A page may be empty and yet have a NextToken.
type WhoCanOutput struct {
	Grantees  []string
	NextToken *string
}

// WhoCan lists who can do an action on a resource, and through what (IAMP-8). It needs berth:WhoCan in the account of the resource or in the first one: see
// iam.Directory.WhoCan. The faults are AccessDenied, InvalidInput and InvalidParameter.
func (a *API) WhoCan(ctx context.Context, in *WhoCanInput) (*WhoCanOutput, error) {
	list, err := a.list(ctx, in.NextToken, "WhoCan", aws.ToString(in.Action), aws.ToString(in.Resource))
	if err != nil {
		return nil, err
	}
	most := 100
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	found, next, err := a.Directory.WhoCan(ctx, aws.ToString(in.Action), aws.ToString(in.Resource), list.After, most)
	if err != nil {
		return nil, err
	}
	out := &WhoCanOutput{Grantees: make([]string, len(found)), NextToken: list.Next(next)}
	for i := range found {
		text, err := json.Marshal(found[i])
		if err != nil {
			return nil, err
		}
		out.Grantees[i] = string(text)
	}
	return out, nil
}
