package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// DecodeAuthorizationMessage tells why a request was refused. The encoded message is the id that ends the refusal's text (STS-11).
func (a *API) DecodeAuthorizationMessage(ctx context.Context, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	text, err := a.Directory.DecodeMessage(ctx, aws.ToString(in.EncodedMessage))
	if err != nil {
		return nil, err
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: aws.String(text)}, nil
}
