package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// DeleteInventoryInput names a source.
type DeleteInventoryInput struct{ Source *string }

// DeleteInventoryOutput is empty.
type DeleteInventoryOutput struct{}

// DeleteInventory forgets the report of a source. It needs berth:DeleteInventory in the caller's account. The faults are AccessDenied and NoSuchEntity.
func (a *API) DeleteInventory(ctx context.Context, in *DeleteInventoryInput) (*DeleteInventoryOutput, error) {
	if err := a.Registry.DeleteInventory(ctx, aws.ToString(in.Source)); err != nil {
		return nil, err
	}
	return &DeleteInventoryOutput{}, nil
}
