package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ListInventoriesInput asks for a page of reports. Limit is 100 unless said.
type ListInventoriesInput struct {
	Limit     *int32
	NextToken *string
}

// ListInventoriesOutput is a page of reports. With a NextToken there are more.
type ListInventoriesOutput struct {
	Inventories []Inventory
	NextToken   *string
}

// Inventory is a report of what workloads use in a region, as the wire shows it. One that is Expired protects nothing.
type Inventory struct {
	Source, Region, ReportedBy *string
	ReportedAt, ExpiresAt      *time.Time
	Images                     *int64
	Expired                    *bool
}

// ListInventories lists the reports that count, and those that expired within a week. It needs berth:ListInventories in the caller's account. The fault is AccessDenied.
func (a *API) ListInventories(ctx context.Context, in *ListInventoriesInput) (*ListInventoriesOutput, error) {
	page, err := a.list(ctx, in.NextToken, "ListInventories")
	if err != nil {
		return nil, err
	}
	limit := 100
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	list, next, err := a.Registry.Inventories(ctx, page.After, limit)
	if err != nil {
		return nil, err
	}
	out := &ListInventoriesOutput{Inventories: make([]Inventory, len(list)), NextToken: page.Next(next)}
	for i := range list {
		l := &list[i]
		out.Inventories[i] = Inventory{&l.Source, &l.Region, &l.ReportedBy, &l.ReportedAt, &l.ExpiresAt, aws.Int64(int64(l.Images)), aws.Bool(l.Expired)}
	}
	return out, nil
}
