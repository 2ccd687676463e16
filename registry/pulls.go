package registry

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// pulls gathers when manifests were last pulled and writes it about once a second: a pull must not cost a durable commit (API-54).
type pulls struct {
	db     *sql.DB
	report func(Ref, int)

	mu      sync.Mutex
	pending map[pull]pulled
	stop    chan struct{}
	done    chan struct{}
}

type pull struct {
	repository *Repository
	digest     oci.Digest
}

// pulled says when an image was last pulled, and by whom: the zero time if only by those whose pulls are not recorded.
type pulled struct {
	last  time.Time
	by    string
	times int
}

func newPulls(db *sql.DB, report func(Ref, int)) *pulls {
	p := &pulls{db: db, report: report, pending: map[pull]pulled{}, stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

// Pulled notes a pull of the image, unless the caller is one whose pulls are not recorded (API-54). It never fails and never waits for the database.
func (r *Repo) Pulled(m *Manifest) {
	p := r.g.pulls
	p.mu.Lock()
	key := pull{r.Repository, m.Digest}
	now := p.pending[key]
	now.times++
	if who := r.call.Principal; r.rules.recordsPulls(who) {
		now.last, now.by = r.call.Time, who.ARN
	}
	p.pending[key] = now
	p.mu.Unlock()
}

func (p *pulls) close() {
	close(p.stop)
	<-p.done
}

func (p *pulls) run() {
	defer close(p.done)
	tick := time.NewTicker(900 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.flush()
		case <-p.stop:
			p.flush()
			return
		}
	}
}

func (p *pulls) flush() {
	p.mu.Lock()
	batch := p.pending
	if len(batch) == 0 {
		p.mu.Unlock()
		return
	}
	p.pending = make(map[pull]pulled, len(batch))
	p.mu.Unlock()
	if p.report != nil {
		for key, v := range batch {
			p.report(key.repository.Ref, v.times)
		}
	}
	// In the order of their keys, and few at a time: two nodes that write the times of the same images then wait for one another and do not undo each other.
	keys := slices.SortedFunc(maps.Keys(batch), func(a, b pull) int {
		return cmp.Or(cmp.Compare(a.repository.ID, b.repository.ID), cmp.Compare(a.digest, b.digest))
	})
	for some := range slices.Chunk(keys, pullsAtOnce) {
		err := p.db.Write(context.Background(), func(tx *sql.Tx) error {
			for _, key := range some {
				v := batch[key]
				if v.last.IsZero() {
					continue
				}
				if _, err := tx.Exec(`UPDATE manifest SET last_pull = $1, last_puller = $2 WHERE repository_id = $3 AND digest = $4 AND last_pull < $1`,
					sql.Micros(v.last), v.by, key.repository.ID, key.digest); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			slog.Error("times of pulls could not be written; they are tried again", "images", len(some), "error", err)
			p.again(some, batch)
		}
	}
}

const (
	pullsAtOnce = 50      // in one transaction
	pullsAtMost = 100_000 // images whose times wait while the database does not answer
)

// again puts back what could not be written, unless a later pull is there. It is not counted again.
func (p *pulls) again(keys []pull, batch map[pull]pulled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		if _, later := p.pending[key]; !later && len(p.pending) < pullsAtMost {
			p.pending[key] = pulled{last: batch[key].last, by: batch[key].by}
		}
	}
}
