package operator

import "context"

// DescribeGarbageCollectionInput is empty: the whole cell is described.
type DescribeGarbageCollectionInput struct{}

// DescribeGarbageCollectionOutput says how the collection of garbage stands: what waits, what is on its way out, and what was collected since ever.
type DescribeGarbageCollectionOutput struct {
	WaitingLayers    *int64 // that are looked at when their lease ends
	OverdueSeconds   *int64 // since the first of these leases ended
	CondemnedBlobs   *int64 // that no repository holds
	DeadObjects      *int64 // without a row, that somebody may still be reading
	ReclaimableBytes *int64 // of both
	CollectedLayers  *int64
	DeletedObjects   *int64
	FreedBytes       *int64
}

// DescribeGarbageCollection says how the collection of garbage stands in the cell. It needs berth:DescribeGarbageCollection.
func (a *API) DescribeGarbageCollection(ctx context.Context, _ *DescribeGarbageCollectionInput) (*DescribeGarbageCollectionOutput, error) {
	if err := a.authorize(ctx, "berth:DescribeGarbageCollection"); err != nil {
		return nil, err
	}
	g, err := a.Registry.Garbage(ctx)
	if err != nil {
		return nil, err
	}
	overdue := int64(g.Overdue.Seconds())
	return &DescribeGarbageCollectionOutput{
		WaitingLayers: &g.Waiting, OverdueSeconds: &overdue, CondemnedBlobs: &g.Condemned, DeadObjects: &g.Dead, ReclaimableBytes: &g.Reclaimable,
		CollectedLayers: &g.Layers, DeletedObjects: &g.Objects, FreedBytes: &g.Bytes,
	}, nil
}
