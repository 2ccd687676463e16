// Package sweep removes what nobody will come back for: uploads that were left alone for a day, removed images that nobody brought back, rows of deleted repositories, old events, previews and reports of use. Running it twice, or on several nodes at once, does no harm.
package sweep

import (
	"context"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/registry"
)

// every is how often a node looks; what is removed is a day old, so an hour more does not matter.
const every = time.Hour

// Run sweeps now and then every hour, until ctx ends. An error is logged; the next sweep tries again.
func Run(ctx context.Context, g *registry.Registry) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		removed, err := g.ExpireUploads(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			slog.Error("abandoned uploads could not all be removed; they are tried again in an hour", "removed", removed, "error", err)
		case removed > 0:
			slog.Info("abandoned uploads removed", "uploads", removed)
		}
		if err := g.RemoveDeleted(ctx); err != nil && ctx.Err() == nil {
			slog.Error("what deleted repositories left could not all be removed; it is tried again in an hour", "error", err)
		}
		if _, err := g.ExpireEvents(ctx); err != nil && ctx.Err() == nil {
			slog.Error("old events could not all be removed; it is tried again in an hour", "error", err)
		}
		if err := g.ExpirePreviews(ctx); err != nil && ctx.Err() == nil {
			slog.Error("old previews of lifecycle policies could not all be removed; it is tried again in an hour", "error", err)
		}
		if err := g.ExpireInventories(ctx); err != nil && ctx.Err() == nil {
			slog.Error("old reports of use could not be removed; it is tried again in an hour", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
