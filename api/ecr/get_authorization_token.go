package ecr

import (
	"context"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/identity/iam"
)

// GetAuthorizationToken gives the caller a password for docker login (API-31). It is good for every registry of the region that the caller may use, not
// only for those that registryIds names (API-32): naming one only chooses the endpoint that is shown. Its faults are AccessDenied, on "*" (API-29), and
// InvalidParameter for a service that says neither for which account it acts nor which registries it means.
func (a *API) GetAuthorizationToken(ctx context.Context, in *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	self, region := caller(ctx), iam.From(ctx).Region
	if err := a.Directory.Authorize(ctx, "ecr:GetAuthorizationToken", &iam.Resource{ARN: "*", Account: self}); err != nil {
		return nil, err
	}
	password, expires, err := a.Directory.Password(ctx, region)
	if err != nil {
		return nil, err
	}
	token := base64.StdEncoding.EncodeToString([]byte("AWS:" + password))
	//lint:ignore SA1019 deprecated for callers, some of whom still send it
	registries := in.RegistryIds //nolint:staticcheck // the same for golangci-lint
	if registries == nil && self == "" {
		return nil, invalidParameter("registryIds", "must not be null for a service that acts for no account")
	}
	if registries == nil {
		registries = []string{self}
	}
	list := make([]types.AuthorizationData, len(registries))
	for i, id := range registries {
		list[i] = types.AuthorizationData{
			AuthorizationToken: aws.String(token),
			ExpiresAt:          aws.Time(expires),
			ProxyEndpoint:      aws.String(a.Names.Endpoint(ctx, id, region)),
		}
	}
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: list}, nil
}
