// Package archive moves the layers of archived images into the store that is for them, and back when an image is needed again. Running it on several nodes at once does no harm.
package archive

import (
	"context"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/worker"
)

// every is how often a node looks whether there is something to move: how long somebody who restores an image waits beside the copying itself.
const every = time.Second

// Run moves layers until ctx ends. An error is logged; what it is about is tried again.
func Run(ctx context.Context, g *registry.Registry) {
	worker.Every(ctx, every, func(ctx context.Context) {
		moved, err := g.MoveLayers(ctx, func() { worker.Alive(ctx) })
		switch {
		case ctx.Err() != nil:
		case err != nil:
			worker.Failed(ctx)
			slog.Error("a layer could not be moved into or out of the archive's store; it is tried again", "error", err)
		case moved > 0:
			slog.Info("layers moved into or out of the archive's store", "layers", moved)
		}
	})
}
