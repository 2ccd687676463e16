package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DescribeHandshake returns an invitation (ORG-17).
func (a *API) DescribeHandshake(ctx context.Context, in *organizations.DescribeHandshakeInput) (*organizations.DescribeHandshakeOutput, error) {
	x, err := a.Organizations.DescribeHandshake(ctx, aws.ToString(in.HandshakeId))
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeHandshakeOutput{Handshake: showHandshake(x)}, nil
}
