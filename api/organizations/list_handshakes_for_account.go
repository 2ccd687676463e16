package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListHandshakesForAccount lists the invitations of the caller's account (ORG-17).
func (a *API) ListHandshakesForAccount(ctx context.Context, in *organizations.ListHandshakesForAccountInput) (*organizations.ListHandshakesForAccountOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListHandshakesForAccount", filterOf(in.Filter))
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.HandshakesForAccount(ctx, p.Page)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListHandshakesForAccountOutput{Handshakes: []types.Handshake{}, NextToken: p.list.Next(next)}
	if only := filterOf(in.Filter); only != "" && only != string(types.ActionTypeInviteAccountToOrganization) {
		out.NextToken = nil
		return out, nil // there are no handshakes for anything else
	}
	for i := range list {
		out.Handshakes = append(out.Handshakes, *showHandshake(&list[i]))
	}
	return out, nil
}
