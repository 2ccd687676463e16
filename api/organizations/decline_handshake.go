package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DeclineHandshake refuses an invitation (ORG-17).
func (a *API) DeclineHandshake(ctx context.Context, in *organizations.DeclineHandshakeInput) (*organizations.DeclineHandshakeOutput, error) {
	x, err := a.Organizations.DeclineHandshake(ctx, aws.ToString(in.HandshakeId))
	if err != nil {
		return nil, err
	}
	return &organizations.DeclineHandshakeOutput{Handshake: showHandshake(x)}, nil
}
