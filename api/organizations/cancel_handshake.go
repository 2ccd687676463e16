package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// CancelHandshake takes an invitation back (ORG-17).
func (a *API) CancelHandshake(ctx context.Context, in *organizations.CancelHandshakeInput) (*organizations.CancelHandshakeOutput, error) {
	x, err := a.Organizations.CancelHandshake(ctx, aws.ToString(in.HandshakeId))
	if err != nil {
		return nil, err
	}
	return &organizations.CancelHandshakeOutput{Handshake: showHandshake(x)}, nil
}
