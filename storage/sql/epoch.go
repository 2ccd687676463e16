package sql

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"
)

// Epoch tells a cache whether what it took from the database may still be used. The cache takes a Stamp of the key before it reads, keeps the stamp
// with what it read, and uses it only while the key's stamp is the same. A transaction calls Changed for what it changes.
//
// On SQLite this process is the only writer: a change is seen by the very next request (one of another process, which only repairs make, within pollEvery). On PostgreSQL a change made here is seen at once here,
// and by the other nodes within pollEvery; a node that cannot ask uses nothing from its caches after staleAfter.
type Epoch struct {
	name   string
	seed   maphash.Seed
	shared bool
	all    atomic.Uint32 // a change by another node
	asked  atomic.Int64  // when the database was last asked, nanoseconds of the monotonic clock since start
	shards [1024]atomic.Uint32
}

// Stamp is a moment in the life of a key. The zero Stamp is never current.
type Stamp uint64

const (
	pollEvery  = 250 * time.Millisecond
	staleAfter = 900 * time.Millisecond
)

var started = time.Now()

// Epoch returns the epoch of a kind of cached things, the same at each call.
func (db *DB) Epoch(name string) *Epoch {
	db.mu.Lock()
	defer db.mu.Unlock()
	if e := db.epochs[name]; e != nil {
		return e
	}
	e := &Epoch{name: name, seed: maphash.MakeSeed(), shared: db.Shared()}
	e.all.Store(1)
	db.epochs[name] = e
	return e
}

// Stamp returns the present stamp of key; zero when this node cannot know whether others changed it.
func (e *Epoch) Stamp(key string) Stamp {
	if e.shared && int64(time.Since(started))-e.asked.Load() > int64(staleAfter) {
		return 0
	}
	return Stamp(e.all.Load())<<32 | Stamp(e.shard(0, key).Load())
}

// StampOf is Stamp for the key that an id and a name make together, without joining them.
func (e *Epoch) StampOf(id int64, name string) Stamp {
	if e.shared && int64(time.Since(started))-e.asked.Load() > int64(staleAfter) {
		return 0
	}
	return Stamp(e.all.Load())<<32 | Stamp(e.shard(id, name).Load())
}

func (e *Epoch) shard(id int64, name string) *atomic.Uint32 {
	h := maphash.String(e.seed, name) ^ uint64(id)*0x9e3779b97f4a7c15
	return &e.shards[(h^h>>32)%uint64(len(e.shards))]
}

// Current reports whether what was read under s may be used for key.
func (e *Epoch) Current(key string, s Stamp) bool { return s != 0 && e.Stamp(key) == s }

// Changed says that the transaction changes what caches keep under key; "" is every key.
func (tx *Tx) Changed(e *Epoch, key string) error {
	if key == "" {
		tx.AfterCommit(func() { e.all.Add(1) })
		return tx.tell(e)
	}
	return tx.ChangedOf(e, 0, key)
}

// ChangedOf is Changed for the key that an id and a name make together.
func (tx *Tx) ChangedOf(e *Epoch, id int64, name string) error {
	tx.AfterCommit(func() { e.shard(id, name).Add(1) })
	return tx.tell(e)
}

// tell lets the other nodes know.
func (tx *Tx) tell(e *Epoch) error {
	if !e.shared {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO epoch (name, n) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = epoch.n + 1`, e.name)
	return err
}

// pollEpochs asks for the other nodes' changes until ctx ends.
func (db *DB) pollEpochs(ctx context.Context) {
	defer close(db.done)
	known := map[string]int64{}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		db.pollOnce(ctx, known)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (db *DB) pollOnce(ctx context.Context, known map[string]int64) {
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	asked := int64(time.Since(started)) // before the question: what commits after it may be missing from the answer
	seen := map[string]int64{}
	rows, err := db.link.poll.QueryContext(ctx, `SELECT name, n FROM epoch UNION ALL SELECT '', `+serverTime)
	err = each(rows, err, func(row Scanner) error {
		var name string
		var n int64
		if err := row.Scan(&name, &n); err != nil {
			return err
		}
		if name == "" {
			db.setTime(n)
			return nil
		}
		seen[name] = n
		return nil
	})
	db.link.told(err)
	if err != nil { // the stamps go stale by themselves
		if db.link.away() {
			db.link.cut()
		}
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for name, e := range db.epochs {
		if seen[name] != known[name] {
			e.all.Add(1)
			known[name] = seen[name]
		}
		e.asked.Store(asked)
	}
}
