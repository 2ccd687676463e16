package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// DisableAWSServiceAccess ends the access of a service (ORG-22).
func (a *API) DisableAWSServiceAccess(ctx context.Context, in *organizations.DisableAWSServiceAccessInput) (*organizations.DisableAWSServiceAccessOutput, error) {
	if err := a.Organizations.DisableServiceAccess(ctx, aws.ToString(in.ServicePrincipal)); err != nil {
		return nil, err
	}
	return &organizations.DisableAWSServiceAccessOutput{}, nil
}
