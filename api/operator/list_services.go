package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
)

// ListServicesInput says where to go on, with what the page before answered, and how many services a page holds: 100 unless said, at most 1000.
type ListServicesInput struct {
	NextToken  *string
	MaxResults *int32
}

// ListServicesOutput lists service principals by name. NextToken is absent on the last page.
type ListServicesOutput struct {
	Services  []ServicePrincipal
	NextToken *string
}

// ListServices lists the service principals of the installation. It needs berth:ListServices. The fault is InvalidInput for a token that is not this list's (H55).
func (a *API) ListServices(ctx context.Context, in *ListServicesInput) (*ListServicesOutput, error) {
	if err := a.authorize(ctx, "berth:ListServices"); err != nil {
		return nil, err
	}
	list, err := a.list(ctx, in.NextToken, "ListServices")
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Services(ctx, iam.Page{After: list.After, Max: int(aws.ToInt32(in.MaxResults))})
	if err != nil {
		return nil, err
	}
	out := &ListServicesOutput{Services: make([]ServicePrincipal, len(found)), NextToken: list.Next(next)}
	for i := range found {
		out.Services[i] = showService(&found[i])
	}
	return out, nil
}
