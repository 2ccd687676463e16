package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// ListHandshakesForAccount lists the invitations of the caller's account (ORG-17).
func (a *API) ListHandshakesForAccount(ctx context.Context, in *organizations.ListHandshakesForAccountInput) (*organizations.ListHandshakesForAccountOutput, error) {
	only := actionOf(in.Filter)
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListHandshakesForAccount", only)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.HandshakesForAccount(ctx, only, p.Page)
	if err != nil {
		return nil, err
	}
	return &organizations.ListHandshakesForAccountOutput{Handshakes: showHandshakes(list), NextToken: p.list.Next(next)}, nil
}
