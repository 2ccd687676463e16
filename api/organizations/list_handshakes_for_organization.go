package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListHandshakesForOrganization lists the invitations into the organization (ORG-17).
func (a *API) ListHandshakesForOrganization(ctx context.Context, in *organizations.ListHandshakesForOrganizationInput) (*organizations.ListHandshakesForOrganizationOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListHandshakesForOrganization", filterOf(in.Filter))
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.HandshakesForOrganization(ctx, p.Page)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListHandshakesForOrganizationOutput{Handshakes: []types.Handshake{}, NextToken: p.list.Next(next)}
	if only := filterOf(in.Filter); only != "" && only != string(types.ActionTypeInviteAccountToOrganization) {
		out.NextToken = nil
		return out, nil // there are no handshakes for anything else
	}
	for i := range list {
		out.Handshakes = append(out.Handshakes, *showHandshake(&list[i]))
	}
	return out, nil
}
