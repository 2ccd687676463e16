package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// AcceptHandshake accepts an invitation (ORG-17).
func (a *API) AcceptHandshake(ctx context.Context, in *organizations.AcceptHandshakeInput) (*organizations.AcceptHandshakeOutput, error) {
	x, err := a.Organizations.AcceptHandshake(ctx, aws.ToString(in.HandshakeId))
	if err != nil {
		return nil, err
	}
	return &organizations.AcceptHandshakeOutput{Handshake: showHandshake(x)}, nil
}
