package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// ListHandshakesForOrganization lists the invitations into the organization (ORG-17).
func (a *API) ListHandshakesForOrganization(ctx context.Context, in *organizations.ListHandshakesForOrganizationInput) (*organizations.ListHandshakesForOrganizationOutput, error) {
	only := actionOf(in.Filter)
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListHandshakesForOrganization", only)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.HandshakesForOrganization(ctx, only, p.Page)
	if err != nil {
		return nil, err
	}
	return &organizations.ListHandshakesForOrganizationOutput{Handshakes: showHandshakes(list), NextToken: p.list.Next(next)}, nil
}
