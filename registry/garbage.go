package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// Collected is what one call of Collect did.
type Collected struct {
	Layers  int   // that no image used, taken from their repositories
	Objects int   // deleted: blobs that no repository held, and what moving a layer to the other store or a push that failed left behind, or might have
	Bytes   int64 // of those
	More    bool  // there is more to do at once
}

// Garbage says how the collection stands.
type Garbage struct {
	// Waiting is how many layers are to be looked at when their lease ends; Overdue is for how long the first lease has been over.
	Waiting int64
	Overdue time.Duration
	// Condemned and Dead are blobs that no repository holds, and objects without a row that somebody may still be reading; Reclaimable is the bytes of both.
	Condemned, Dead, Reclaimable int64
	// Undeleted is for how long the first of the dead objects that this node can reach could have been deleted.
	Undeleted time.Duration
	// Suspects is how many blobs are quarantined because their bytes are not those of their digests.
	Suspects int64
	// Uploads is how many have begun and not ended.
	Uploads int64
	// Layers, Objects and Bytes are what was collected since ever, as in Collected.
	Layers, Objects, Bytes int64
}

// garbageAtOnce is how many layers, blobs and objects one call of Collect looks at: so few that a push or a pull waits a millisecond for them.
const garbageAtOnce = 25

// Collect does some of what is due of the collection of garbage, little enough for pushes to get between; More says that there is more. Nothing has to be stopped for it,
// and any number of nodes may do it at once, for whatever time, and end anywhere: each step is one transaction that looks again whether it may, and what a crash leaves
// is done by the next call.
//
//  1. A layer whose lease is over and that no image of its repository uses, nor one that can be brought back, leaves the repository.
//  2. A blob that no repository holds is condemned.
//  3. In a later round, if that is still so, its row goes and its object is dead. A push of the same content makes a new row with an object of its own: keys are never
//     used twice.
//  4. A dead object is deleted when nobody can be reading it any more.
//
// The work is in proportion to what was pushed and deleted, not to what is stored (durability.md, section 3).
func (g *Registry) Collect(ctx context.Context) (c Collected, err error) {
	layers, err := g.collectLayers(ctx, &c)
	if err != nil {
		return c, err
	}
	blobs, err := g.collectBlobs(ctx, &c)
	if err != nil {
		return c, err
	}
	tried, err := g.deleteDead(ctx, &c)
	c.More = layers == garbageAtOnce || blobs == garbageAtOnce || tried == garbageAtOnce
	return c, err
}

type leased struct {
	repository int64
	digest     oci.Digest
}

// collectLayers is step 1. It answers how many layers it looked at.
func (g *Registry) collectLayers(ctx context.Context, c *Collected) (int, error) {
	now := sql.Micros(g.now())
	var due []leased
	err := g.db.Rows(ctx, `SELECT repository_id, digest FROM layer WHERE lease_until > 0 AND lease_until <= $1 ORDER BY lease_until LIMIT $2`, sql.Args(now, garbageAtOnce), func(row sql.Scanner) error {
		var l leased
		err := row.Scan(&l.repository, &l.digest)
		due = append(due, l)
		return err
	})
	if err != nil || len(due) == 0 {
		return 0, err
	}
	gone := 0
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		gone = 0
		for _, l := range due {
			used, err := g.needed(tx, l)
			if err != nil {
				return err
			}
			if used {
				if _, err := tx.Exec(`UPDATE layer SET lease_until = 0 WHERE repository_id = $1 AND digest = $2 AND lease_until <= $3`, l.repository, l.digest, now); err != nil {
					return err
				}
				continue
			}
			var blobID int64
			err = tx.Row(`DELETE FROM layer WHERE repository_id = $1 AND digest = $2 AND lease_until > 0 AND lease_until <= $3 RETURNING blob_id`, sql.Args(l.repository, l.digest, now), &blobID)
			if errors.Is(err, sql.ErrNoRows) { // somebody was told of it, or another node was faster
				continue
			}
			if err == nil {
				err = errors.Join(tx.ChangedOf(g.contents.dropped, l.repository, string(l.digest)), g.condemn(tx, blobID))
			}
			if err != nil {
				return err
			}
			gone++
		}
		return g.collected(tx, Collected{Layers: gone})
	})
	if err == nil {
		c.Layers += gone
	}
	return len(due), err
}

// collected adds to what was done since ever.
func (g *Registry) collected(tx *sql.Tx, c Collected) error {
	if c == (Collected{}) {
		return nil
	}
	_, err := tx.Exec(`UPDATE collection SET layers = layers + $1, objects = objects + $2, bytes = bytes + $3`, c.Layers, c.Objects, c.Bytes)
	return err
}

// needed reports whether an image of the repository uses a layer, or one that can be brought back.
func (g *Registry) needed(tx *sql.Tx, l leased) (is bool, err error) {
	err = tx.Row(`SELECT EXISTS (SELECT 1 FROM manifest_ref WHERE repository_id = $1 AND child = $2 AND kind IN ('config', 'layer'))
		OR EXISTS (SELECT 1 FROM removed_ref WHERE repository_id = $1 AND child = $2 AND kind IN ('config', 'layer'))`, sql.Args(l.repository, l.digest), &is)
	return is, err
}

// condemn is step 2, for a blob that a repository has just lost. Whether others hold it is looked at again before it goes.
func (g *Registry) condemn(tx *sql.Tx, blobID int64) error {
	_, err := tx.Exec(`INSERT INTO condemned_blob (blob_id, since, round) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), round FROM collection
		WHERE NOT EXISTS (SELECT 1 FROM layer WHERE blob_id = $1) ON CONFLICT (blob_id) DO NOTHING`, blobID, sql.Micros(g.now()))
	return err
}

// condemnedFirst finds some blobs of the oldest rounds, in no order within a round: of that may be all that was stored, and to sort it would read all of it for each of these few.
const condemnedFirst = `SELECT blob_id FROM condemned_blob WHERE round < (SELECT round - 1 FROM collection) ORDER BY round LIMIT $1`

// collectBlobs is step 3. It answers how many blobs it looked at.
func (g *Registry) collectBlobs(ctx context.Context, c *Collected) (int, error) {
	var some bool
	if err := g.db.Row(ctx, `SELECT EXISTS (SELECT 1 FROM condemned_blob)`, nil, &some); err != nil || !some {
		return 0, err
	}
	now := g.now()
	var ids []int64
	var inRows Collected
	err := g.db.Write(ctx, func(tx *sql.Tx) error {
		ids, inRows = nil, Collected{}
		if _, err := tx.Exec(`UPDATE collection SET round = round + 1, round_at = $1 WHERE round_at <= $2 OR round_at > $1`, sql.Micros(now), sql.Micros(now.Add(-g.times.Round))); err != nil {
			return err
		}
		// Of the present round nothing goes, nor of the one before, which may have ended a moment after the blob was condemned.
		err := tx.Rows(condemnedFirst, sql.Args(garbageAtOnce), func(row sql.Scanner) error {
			var id int64
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		})
		for _, id := range ids {
			err = errors.Join(err, g.collectBlob(tx, id, &inRows))
		}
		return errors.Join(err, g.collected(tx, inRows))
	})
	if err == nil {
		c.Objects, c.Bytes = c.Objects+inRows.Objects, c.Bytes+inRows.Bytes
	}
	return len(ids), err
}

// collectBlob removes the row of a blob, unless a repository holds it again. inRows counts those whose bytes go with the row.
func (g *Registry) collectBlob(tx *sql.Tx, id int64, inRows *Collected) error {
	var held bool
	if err := tx.Row(`SELECT EXISTS (SELECT 1 FROM layer WHERE blob_id = $1)`, sql.Args(id), &held); err != nil {
		return err
	}
	if held {
		_, err := tx.Exec(`DELETE FROM condemned_blob WHERE blob_id = $1`, id)
		return err
	}
	var copied blob.Key // a worker is making a copy in the other store, or was
	var inArchive bool
	err := tx.Row(`SELECT key, archive FROM blob_review WHERE blob_id = $1`, sql.Args(id), &copied, &inArchive)
	if err == nil && copied != "" {
		err = g.bury(tx, copied, inArchive, 0)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var key blob.Key
	var size int64
	var away bool
	if err := tx.Row(`DELETE FROM blob WHERE id = $1 RETURNING key, size, archived`, sql.Args(id), &key, &size, &away); err != nil {
		return err
	}
	if key == "" {
		inRows.Objects, inRows.Bytes = inRows.Objects+1, inRows.Bytes+size
		return nil
	}
	return g.bury(tx, key, away, size)
}

// bury notes an object that no row leads to any more; size is its bytes.
func (g *Registry) bury(tx *sql.Tx, key blob.Key, archive bool, size int64) error {
	_, err := tx.Exec(`INSERT INTO dead_object (key, archive, since, size) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING`, key, archive, sql.Micros(g.now()), size)
	return err
}

// deleteDead is step 4, and answers how many objects it has tried to delete: only here are bytes deleted, and only those of keys that no row names and none ever will.
//
// Objects that cannot be deleted do not keep the others: the next call goes on after those that this one has tried, and comes back to them at the end. All of a call are
// deleted at once, since each may wait for a store that is far away, or that is away.
func (g *Registry) deleteDead(ctx context.Context, c *Collected) (int, error) {
	type dead struct {
		key     blob.Key
		archive bool
		size    int64
		since   int64
	}
	g.dead.Lock()
	defer g.dead.Unlock()
	var list []dead
	now := g.now()
	before := now.Add(-g.times.Linger)
	// The hold is looked at with the objects: those that were dead before it began are none that its holder needs. It was made by another process: by what that one reads
	// it is judged, and by the steady clock too, so that a clock which is set ahead for a moment ends no hold; but not by one that was far behind when this process began.
	err := g.db.Rows(ctx, `SELECT key, archive, size, since FROM dead_object WHERE since <= $1 AND (since, key) > ($4, $5) AND `+reachable(6)+`
		AND NOT EXISTS (SELECT 1 FROM collection WHERE held_until > $2 OR held_until > $7 AND held_until <= $8) ORDER BY since, key LIMIT $3`,
		sql.Args(sql.Micros(before), sql.Micros(g.wall()), garbageAtOnce, g.dead.since, g.dead.key, g.archive != nil, sql.Micros(now), sql.Micros(now.Add(24*time.Hour))), func(row sql.Scanner) error {
			var d dead
			err := row.Scan(&d.key, &d.archive, &d.size, &d.since)
			list = append(list, d)
			return err
		})
	if err != nil {
		return 0, err
	}
	g.dead.tried = tried{since: -1} // from the beginning again
	if len(list) == garbageAtOnce {
		last := list[len(list)-1]
		g.dead.tried = tried{last.since, last.key}
	}
	failures := make([]error, len(list))
	var all sync.WaitGroup
	for n, d := range list {
		all.Go(func() {
			if err := g.store(d.archive).Delete(ctx, d.key); err != nil {
				failures[n] = fmt.Errorf("object %s: %w", d.key, err)
			}
		})
	}
	all.Wait()
	failed := errors.Join(failures...)
	var deleted []dead
	for n, d := range list {
		if failures[n] == nil {
			deleted = append(deleted, d)
		}
	}
	if len(deleted) == 0 {
		return len(list), failed
	}
	var done Collected
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		done = Collected{}
		for _, d := range deleted {
			n, err := tx.Exec(`DELETE FROM dead_object WHERE key = $1`, d.key)
			if err != nil {
				return err
			}
			if n > 0 {
				done.Objects, done.Bytes = done.Objects+1, done.Bytes+d.size
			}
		}
		return g.collected(tx, done)
	})
	if err == nil {
		c.Objects, c.Bytes = c.Objects+done.Objects, c.Bytes+done.Bytes
	}
	return len(list), errors.Join(failed, err)
}

// tried is the dead object up to which deletions were tried, in the order of their deaths. Before all is -1.
type tried struct {
	since int64
	key   blob.Key
}

// reachable selects dead objects that are in a store which this node has, where the parameter says whether it has that of the archive: those in it wait for it to be named again.
func reachable(parameter int) string { return fmt.Sprintf(`(NOT archive OR $%d)`, parameter) }

// Garbage says how the collection stands.
func (g *Registry) Garbage(ctx context.Context) (s Garbage, err error) {
	err = g.db.View(ctx, func(tx *sql.Tx) error {
		var oldest, condemned, dead int64
		if err := tx.Row(`SELECT count(*), COALESCE(min(lease_until), 0) FROM layer WHERE lease_until > 0`, nil, &s.Waiting, &oldest); err != nil {
			return err
		}
		if oldest > 0 {
			s.Overdue = max(0, g.now().Sub(sql.Time(oldest)))
		}
		if err := tx.Row(`SELECT count(*), COALESCE(sum(b.size), 0) FROM condemned_blob c JOIN blob b ON b.id = c.blob_id`, nil, &s.Condemned, &condemned); err != nil {
			return err
		}
		if err := tx.Row(`SELECT count(*), COALESCE(sum(size), 0) FROM dead_object`, nil, &s.Dead, &dead); err != nil {
			return err
		}
		s.Reclaimable = condemned + dead
		now := g.now()
		due := now.Add(-g.times.Linger)
		if err := tx.Row(`SELECT COALESCE(min(since), 0) FROM dead_object WHERE since <= $1 AND `+reachable(3)+` AND NOT EXISTS (SELECT 1 FROM collection WHERE held_until > $2)`,
			sql.Args(sql.Micros(due), sql.Micros(now), g.archive != nil), &oldest); err != nil {
			return err
		}
		if oldest > 0 {
			s.Undeleted = due.Sub(sql.Time(oldest))
		}
		if err := tx.Row(`SELECT count(*) FROM blob WHERE suspect`, nil, &s.Suspects); err != nil {
			return err
		}
		if err := tx.Row(`SELECT count(*) FROM upload`, nil, &s.Uploads); err != nil {
			return err
		}
		return tx.Row(`SELECT layers, objects, bytes FROM collection`, nil, &s.Layers, &s.Objects, &s.Bytes)
	})
	return s, err
}
