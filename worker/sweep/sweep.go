// Package sweep removes what nobody will come back for: uploads that were left alone for a day, removed images that nobody brought back, rows of deleted repositories, old
// events, previews and reports of use. Running it twice, or on several nodes at once, does no harm.
package sweep

import (
	"context"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/worker"
)

// every is how often a node looks; what is removed is a day old, so an hour more does not matter.
const every = time.Hour

// Run sweeps now and then every hour, until ctx ends. An error is logged; the next sweep tries again.
func Run(ctx context.Context, g *registry.Registry) {
	worker.Every(ctx, every, func(ctx context.Context) {
		removed, err := g.ExpireUploads(ctx)
		told(ctx, "uploads that were left alone", int64(removed), err)
		told(ctx, "what deleted repositories left", 0, g.RemoveDeleted(ctx))
		forgotten, err := g.ForgetRemoved(ctx)
		told(ctx, "removed images that nobody brought back", forgotten, err)
		_, err = g.ExpireEvents(ctx)
		told(ctx, "old events", 0, err)
		told(ctx, "old previews of lifecycle policies", 0, g.ExpirePreviews(ctx))
		expired, err := g.ExpireInventories(ctx)
		for _, i := range expired {
			slog.Warn("a report of use has expired: what only it named is no longer kept from lifecycle policies", "account", i.Account, "region", i.Region, "source", i.Source,
				"reported_by", i.ReportedBy, "reported_at", i.ReportedAt, "expired_at", i.ExpiresAt)
		}
		told(ctx, "old reports of use", 0, err)
	})
}

// told logs how one part of a sweep went, unless it was only told to end.
func told(ctx context.Context, what string, removed int64, err error) {
	switch {
	case err != nil && ctx.Err() == nil:
		worker.Failed(ctx)
		slog.Error("the sweep could not remove everything; it tries again in an hour", "what", what, "removed", removed, "error", err)
	case removed > 0:
		slog.Info("swept", "what", what, "removed", removed)
	}
}
