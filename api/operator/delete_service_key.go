package operator

import "context"

// DeleteServiceKeyInput names a service principal and one of its access keys.
type DeleteServiceKeyInput struct{ Name, AccessKeyId *string } //nolint:revive,staticcheck // see Account

// DeleteServiceKeyOutput is empty.
type DeleteServiceKeyOutput struct{}

// DeleteServiceKey deletes an access key of a service, with the registry passwords that it asked for. It needs berth:DeleteServiceKey. The fault is
// NoSuchEntity.
func (a *API) DeleteServiceKey(ctx context.Context, in *DeleteServiceKeyInput) (*DeleteServiceKeyOutput, error) {
	if err := a.authorize(ctx, "berth:DeleteServiceKey"); err != nil {
		return nil, err
	}
	return &DeleteServiceKeyOutput{}, a.Directory.DeleteServiceKey(ctx, *in.Name, *in.AccessKeyId)
}
