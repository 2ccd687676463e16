package registry

import (
	"context"
	"sync"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// imageCounts knows about how many images the repositories hold, so that a push need not count them: a count within the push's transaction would make
// pushes to one repository wait for each other. The limit is therefore kept within a minute's pushes of other nodes, not to the image.
type imageCounts struct {
	mu     sync.Mutex
	counts map[int64]imageCount
}

type imageCount struct {
	n    int64
	read time.Time
}

const (
	countAgain   = time.Minute
	countsAtMost = 10_000 // repositories remembered
)

func newImageCounts() *imageCounts { return &imageCounts{counts: map[int64]imageCount{}} }

// check answers LimitExceeded when the repository holds as many images as it may (API-70).
func (c *imageCounts) check(ctx context.Context, r *Repo) error {
	now := r.g.now()
	c.mu.Lock()
	known, ok := c.counts[r.ID]
	c.mu.Unlock()
	if !ok || now.Sub(known.read) > countAgain || known.n >= imagesPerRepository {
		known = imageCount{read: now}
		if err := r.g.db.Row(ctx, `SELECT count(*) FROM manifest WHERE repository_id = $1`, sql.Args(r.ID), &known.n); err != nil {
			return err
		}
		c.mu.Lock()
		if len(c.counts) >= countsAtMost {
			clear(c.counts)
		}
		c.counts[r.ID] = known
		c.mu.Unlock()
	}
	if known.n >= imagesPerRepository {
		return fault.New(fault.LimitExceeded, "The repository with name '%s' holds %d images, which is the limit", r.Name, known.n)
	}
	return nil
}

func (c *imageCounts) added(repository int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.counts[repository]; ok {
		known.n++
		c.counts[repository] = known
	}
}
