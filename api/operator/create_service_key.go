package operator

import "context"

// CreateServiceKeyInput names a service principal.
type CreateServiceKeyInput struct{ Name *string }

// CreateServiceKeyOutput is the new key.
type CreateServiceKeyOutput struct{ AccessKey *AccessKey }

// CreateServiceKey makes another access key for a service, of at most two. It needs berth:CreateServiceKey. The faults are NoSuchEntity and LimitExceeded.
func (a *API) CreateServiceKey(ctx context.Context, in *CreateServiceKeyInput) (*CreateServiceKeyOutput, error) {
	if err := a.authorize(ctx, "berth:CreateServiceKey"); err != nil {
		return nil, err
	}
	key, err := a.Directory.CreateServiceKey(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	made := showKey(key)
	return &CreateServiceKeyOutput{&made}, nil
}
