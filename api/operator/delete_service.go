package operator

import "context"

// DeleteServiceInput names a service principal.
type DeleteServiceInput struct{ Name *string }

// DeleteServiceOutput is empty.
type DeleteServiceOutput struct{}

// DeleteService deletes a service principal: its keys, sessions and registry passwords are refused from then on. It needs berth:DeleteService. The fault is
// NoSuchEntity.
func (a *API) DeleteService(ctx context.Context, in *DeleteServiceInput) (*DeleteServiceOutput, error) {
	if err := a.authorize(ctx, "berth:DeleteService"); err != nil {
		return nil, err
	}
	return &DeleteServiceOutput{}, a.Directory.DeleteService(ctx, *in.Name)
}
