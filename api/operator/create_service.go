package operator

import "context"

// CreateServiceInput names a service principal, such as codebuild.amazonaws.com.
type CreateServiceInput struct{ Name *string }

// CreateServiceOutput is the service and its first access key.
type CreateServiceOutput struct {
	Service   *ServicePrincipal
	AccessKey *AccessKey
}

// CreateService registers a service principal with an access key of its own. It needs berth:CreateService. The faults are EntityAlreadyExists and Validation.
func (a *API) CreateService(ctx context.Context, in *CreateServiceInput) (*CreateServiceOutput, error) {
	if err := a.authorize(ctx, "berth:CreateService"); err != nil {
		return nil, err
	}
	service, key, err := a.Directory.CreateService(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	shown, made := showService(service), showKey(key)
	return &CreateServiceOutput{&shown, &made}, nil
}
