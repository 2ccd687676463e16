package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/registry"
)

// PutInventoryInput is the report of a source: references to images as runtimes write them. With AllowEmpty none of them needs to be of the account.
type PutInventoryInput struct {
	Source           *string
	ExpiresInSeconds *int64
	Images           []string
	AllowEmpty       *bool
}

// PutInventoryOutput says how many of the references are to images of the account.
type PutInventoryOutput struct {
	Taken     *int64
	ExpiresAt *time.Time
}

// PutInventory takes a report on which images workloads use, which no lifecycle policy of the account touches until it expires: see registry.Registry.PutInventory. It
// needs berth:PutInventory in the caller's account. The faults are AccessDenied, InvalidParameter and LimitExceeded.
func (a *API) PutInventory(ctx context.Context, in *PutInventoryInput) (*PutInventoryOutput, error) {
	taken, expires, err := a.Registry.PutInventory(ctx, registry.Report{Source: aws.ToString(in.Source), Keep: seconds(in.ExpiresInSeconds), References: in.Images, AllowEmpty: aws.ToBool(in.AllowEmpty)})
	if err != nil {
		return nil, err
	}
	return &PutInventoryOutput{aws.Int64(int64(taken)), &expires}, nil
}

// seconds is a duration from the wire; what is beyond all durations is the longest.
func seconds(n *int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	return time.Duration(max(-most, min(most, aws.ToInt64(n)))) * time.Second
}
