package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/event"
	"github.com/berth-registry/berth/storage/sql"
)

// expireUploadsAtOnce is how many uploads one transaction removes: enough to get through ten thousand in seconds, few enough not to hold up pushes.
const expireUploadsAtOnce = 200

// ExpireUploads removes the uploads that nobody has touched for a day, and what the blob stores keep of uploads that have no row, and of copies between the stores that no
// worker is making any more (I7, F12, H29). It answers how many rows it removed.
func (g *Registry) ExpireUploads(ctx context.Context) (removed int, err error) {
	before := g.now().Add(-uploadLifetime)
	for {
		gone, err := g.expireSome(ctx, before)
		if err != nil {
			return removed, err
		}
		if len(gone) == 0 {
			break
		}
		removed += len(gone)
		for i := range gone {
			if g.holds.has(gone[i].ID) {
				continue // his request will fail, and the sweep of another time removes what it leaves
			}
			if err := g.blobs.Abort(ctx, &gone[i]); err != nil {
				return removed, fmt.Errorf("upload %s: %w", gone[i].ID, err)
			}
		}
	}
	for _, store := range []blob.Store{g.blobs, g.archive} {
		if store != nil {
			if _, err := store.Sweep(ctx, before, g.uploading(ctx)); err != nil {
				return removed, err
			}
		}
	}
	return removed, nil
}

// uploadKnown asks whether an upload has a row: a client's, or that of a worker that moves a layer.
const uploadKnown = `SELECT EXISTS (SELECT 1 FROM upload WHERE id = $1) OR EXISTS (SELECT 1 FROM blob_review WHERE key = $1 AND key <> '')`

// uploading reports of an upload's id whether somebody may go on with it: a client, who may be at it in his only request, or a worker that moves a layer from one store to
// the other.
func (g *Registry) uploading(ctx context.Context) func(id string) (bool, error) {
	return func(id string) (is bool, err error) {
		if g.holds.has(id) {
			return true, nil
		}
		err = g.db.Row(ctx, uploadKnown, sql.Args(id), &is)
		return is, err
	}
}

// expireSome takes away the rows of some old uploads, and answers what they were.
func (g *Registry) expireSome(ctx context.Context, before time.Time) (gone []blob.Upload, err error) {
	err = g.db.Write(ctx, func(tx *sql.Tx) (err error) {
		gone, err = g.endUploads(tx, `id IN (SELECT id FROM upload WHERE touched_at < $1 ORDER BY touched_at LIMIT $2)`, sql.Micros(before), expireUploadsAtOnce)
		return err
	})
	return gone, err
}

// ExpireEvents removes the events that have waited for a day, and answers how many.
func (g *Registry) ExpireEvents(ctx context.Context) (removed int64, err error) {
	return g.events.Prune(ctx, g.now().Add(-event.Kept))
}
