package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListCreateAccountStatus lists the requests to make accounts, those in the named states or all (ORG-13).
func (a *API) ListCreateAccountStatus(ctx context.Context, in *organizations.ListCreateAccountStatusInput) (*organizations.ListCreateAccountStatusOutput, error) {
	states := make([]string, len(in.States))
	for i, s := range in.States {
		states[i] = string(s)
	}
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListCreateAccountStatus", states...)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.Creations(ctx, states, p.Page)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListCreateAccountStatusOutput{CreateAccountStatuses: []types.CreateAccountStatus{}, NextToken: p.list.Next(next)}
	for i := range list {
		out.CreateAccountStatuses = append(out.CreateAccountStatuses, *showCreation(&list[i]))
	}
	return out, nil
}
