package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/identity/iam"
)

// ListServicesInput says where to go on, with what the page before answered, and how many services a page holds: 100 unless said.
type ListServicesInput struct {
	NextToken *string
	Limit     *int32
}

// ListServicesOutput lists service principals by name. NextToken is absent on the last page.
type ListServicesOutput struct {
	Services  []ServicePrincipal
	NextToken *string
}

// ListServices lists the service principals of the installation. It needs berth:ListServices.
func (a *API) ListServices(ctx context.Context, in *ListServicesInput) (*ListServicesOutput, error) {
	if err := a.authorize(ctx, "berth:ListServices"); err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Services(ctx, iam.Page{After: aws.ToString(in.NextToken), Max: int(aws.ToInt32(in.Limit))})
	if err != nil {
		return nil, err
	}
	out := &ListServicesOutput{Services: make([]ServicePrincipal, len(found))}
	for i := range found {
		out.Services[i] = showService(&found[i])
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}
