package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// EnableAWSServiceAccess lets a service act in all accounts of the organization (ORG-22).
func (a *API) EnableAWSServiceAccess(ctx context.Context, in *organizations.EnableAWSServiceAccessInput) (*organizations.EnableAWSServiceAccessOutput, error) {
	if err := a.Organizations.EnableServiceAccess(ctx, aws.ToString(in.ServicePrincipal)); err != nil {
		return nil, err
	}
	return &organizations.EnableAWSServiceAccessOutput{}, nil
}
