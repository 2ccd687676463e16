package registry

import (
	"context"
	"sync"
	"time"

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

// full reports whether the repository holds as many images as it may (API-70). Once it does it is counted again each time, since images may have been
// deleted.
func (c *imageCounts) full(ctx context.Context, r *Repo) (bool, error) {
	now, most := r.g.now(), r.g.limits.Images
	c.mu.Lock()
	known, ok := c.counts[r.ID]
	c.mu.Unlock()
	if !ok || now.Sub(known.read) > countAgain || known.n >= most {
		known = imageCount{read: now}
		// No further than to the limit: counting is paid by each push to a full repository.
		if err := r.g.db.Row(ctx, `SELECT count(*) FROM (SELECT 1 FROM manifest WHERE repository_id = $1 LIMIT $2) AS few`, sql.Args(r.ID, most), &known.n); err != nil {
			return false, err
		}
		c.mu.Lock()
		if len(c.counts) >= countsAtMost {
			clear(c.counts)
		}
		c.counts[r.ID] = known
		c.mu.Unlock()
	}
	return known.n >= most, nil
}

func (c *imageCounts) added(repository int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.counts[repository]; ok {
		known.n++
		c.counts[repository] = known
	}
}

// repositoryCounts knows how many repositories the registries hold, so that making one need not count them: that costs by how many there are. As with images, the limit is
// kept within a minute's work of other nodes.
type repositoryCounts struct {
	mu     sync.Mutex
	counts map[Ref]imageCount // of a Ref without a name
}

func newRepositoryCounts() *repositoryCounts { return &repositoryCounts{counts: map[Ref]imageCount{}} }

// full reports whether the registry holds as many repositories as it may. A full one is counted again each time, since repositories may have been deleted.
func (c *repositoryCounts) full(ctx context.Context, g *Registry, of Ref) (bool, error) {
	of.Name = ""
	now, most := g.now(), g.limits.Repositories
	c.mu.Lock()
	known, ok := c.counts[of]
	c.mu.Unlock()
	if !ok || now.Sub(known.read) > countAgain || known.n >= most {
		known = imageCount{read: now}
		if err := g.db.Row(ctx, `SELECT count(*) FROM (SELECT 1 FROM repository WHERE account = $1 AND region = $2 LIMIT $3) AS few`, sql.Args(of.Account, of.Region, most), &known.n); err != nil {
			return false, err
		}
		c.mu.Lock()
		if len(c.counts) >= countsAtMost {
			clear(c.counts)
		}
		c.counts[of] = known
		c.mu.Unlock()
	}
	return known.n >= most, nil
}

func (c *repositoryCounts) added(of Ref) {
	of.Name = ""
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.counts[of]; ok {
		known.n++
		c.counts[of] = known
	}
}
