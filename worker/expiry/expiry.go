// Package expiry carries out lifecycle policies when their time has come, and previews when somebody asked for one. It may run on several nodes at once: each repository
// is taken by one of them.
package expiry

import (
	"context"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/worker"
)

// every is how often a node looks whether something is due: somebody may be waiting for a preview.
const every = time.Second

// Run works until ctx ends. An error is logged; what failed is tried again, by this or another node.
func Run(ctx context.Context, g *registry.Registry) {
	worker.Every(ctx, every, func(ctx context.Context) { Work(ctx, g) })
}

// Work does all that is due now. An error is logged.
func Work(ctx context.Context, g *registry.Registry) {
	previews(ctx, g)
	policies(ctx, g)
}

func previews(ctx context.Context, g *registry.Registry) {
	for ctx.Err() == nil {
		ran, err := g.RunLifecyclePreview(ctx)
		if err != nil && ctx.Err() == nil {
			worker.Failed(ctx)
			slog.Error("a preview of a lifecycle policy failed; it is tried again", "error", err)
		}
		if !ran {
			return
		}
	}
}

func policies(ctx context.Context, g *registry.Registry) {
	for ctx.Err() == nil {
		run, err := g.RunLifecycle(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			worker.Failed(ctx)
			slog.Error("a lifecycle policy could not be carried out; it is tried again", "error", err)
			return
		case run == nil:
			return
		case run.Expired+run.Archived > 0 || run.Ended:
			slog.Info("lifecycle policy carried out", "account", run.Account, "region", run.Region, "repository", run.Name,
				"expired", run.Expired, "archived", run.Archived, "kept", run.Kept, "replaced", run.Ended)
		}
		previews(ctx, g) // somebody may be waiting
	}
}
