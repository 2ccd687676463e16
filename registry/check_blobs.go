package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	pushLayerAgain = "push an image that has it again"
	repairLeaks    = "berth fsck --repair leaks gives it back"
	// examineAtOnce is how many objects are opened at the same time: on S3, each waits for an answer.
	examineAtOnce = 8
	// leakAge is how old an object is before it can be a leak: younger ones are on their way into a row (I5).
	leakAge = uploadLifetime
)

// layers is of I4: what a repository holds is a blob, of the size that the repository says.
func (c *checker) layers(ctx context.Context, r *checked) error {
	return c.each(ctx, r, `SELECT x.digest, x.size, COALESCE(b.size, -1) FROM layer x LEFT JOIN blob b ON b.id = x.blob_id`+ofLiving+`AND x.digest > $2
		AND (b.id IS NULL OR b.size <> x.size OR b.digest <> x.digest) ORDER BY x.digest LIMIT $3`,
		func(row sql.Scanner) (digest string, f check.Finding, err error) {
			var size, of int64
			err = row.Scan(&digest, &size, &of)
			switch {
			case of < 0:
				f = r.found("I4", "layer "+digest, pushLayerAgain, "has no blob")
			case of != size:
				f = r.found("I6", "layer "+digest, pushLayerAgain, "is listed with %d bytes, and its blob with %d", size, of)
			default:
				f = r.found("I4", "layer "+digest, pushLayerAgain, "stands for the blob of another digest")
			}
			return digest, f, err
		})
}

// unused is of I5: a layer that no image uses has a lease, at whose end it is collected.
func (c *checker) unused(ctx context.Context, r *checked) error {
	const unused = `lease_until = 0 AND NOT EXISTS (SELECT 1 FROM manifest_ref f WHERE f.repository_id = x.repository_id AND f.child = x.digest AND f.kind IN ('config', 'layer'))
		AND NOT EXISTS (SELECT 1 FROM removed_ref f WHERE f.repository_id = x.repository_id AND f.child = x.digest AND f.kind IN ('config', 'layer'))`
	some := false
	err := c.each(ctx, r, `SELECT x.digest, x.size FROM layer x`+ofLiving+`AND x.digest > $2 AND x.`+unused+` ORDER BY x.digest LIMIT $3`,
		func(row sql.Scanner) (digest string, f check.Finding, err error) {
			var size int64
			err = row.Scan(&digest, &size)
			some = true
			return digest, r.found("I5", "layer "+digest, c.leak(), "is used by no image and has no lease, so that nobody collects its %d bytes", size), err
		})
	if err != nil || !some || !c.run.Leaks {
		return err
	}
	return c.db.Write(ctx, func(tx *sql.Tx) error { // the collection looks again
		_, err := tx.Exec(`UPDATE layer AS x SET lease_until = $1 WHERE x.repository_id = $2 AND x.`+unused, sql.Micros(c.db.Now().Add(GarbageTimes{}.orDefault().Lease)), r.id)
		return err
	})
}

// leak says what becomes of one.
func (c *checker) leak() string {
	if c.run.Leaks {
		return "given back"
	}
	return repairLeaks
}

// allBlobs is I4, with F07 in a deep run: the bytes of each blob are there, as many as it has, and those of its digest. A run that goes on where another was interrupted reads again only what that
// one found wrong, and what is in quarantine; of the others it looks how many bytes there are.
func (c *checker) allBlobs(ctx context.Context) error {
	const inRegion = ` WHERE b.id > $1 AND ($2 = '' OR EXISTS (SELECT 1 FROM layer l JOIN repository r ON r.id = l.repository_id WHERE l.blob_id = b.id AND r.region = $2))`
	var rows, bytes int64
	if err := c.db.Row(ctx, `SELECT count(*) FROM blob b`+inRegion, sql.Args(-1, c.run.Region), &rows); err != nil {
		return err
	}
	done := progress{c.run, "blobs", 0, rows}
	if c.run.Deep {
		if err := c.db.Row(ctx, `SELECT COALESCE(sum(b.size), 0) FROM blob b`+inRegion, sql.Args(c.run.From.After, c.run.Region), &bytes); err != nil {
			return err
		}
		done.step, done.total = "bytes", bytes
	}
	at := check.Position{After: c.run.From.After, Wrong: slices.Clone(c.run.From.Wrong)}
	for after := int64(-1); ; {
		var page []storedBlob
		err := c.db.Rows(ctx, selectBlob+inRegion+` ORDER BY b.id LIMIT $3`, sql.Args(after, c.run.Region, pageRows), func(row sql.Scanner) error {
			var b storedBlob
			err := b.scan(row)
			page = append(page, b)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].id
		for len(page) > 0 {
			some := page[:min(examineAtOnce, len(page))]
			if err := c.examineSome(ctx, some, &done, &at); err != nil {
				return err
			}
			page = page[len(some):]
		}
	}
}

// examineSome looks at some blobs at the same time, and tells of one after the other.
func (c *checker) examineSome(ctx context.Context, some []storedBlob, done *progress, at *check.Position) error {
	type answer struct {
		problem    blob.Damage
		deep, gone bool
		unread     error
	}
	answers := make([]answer, len(some))
	all, within := errgroup.WithContext(ctx)
	for i := range some {
		all.Go(func() (err error) {
			b := &some[i]
			answers[i].deep = c.run.Deep && (b.id > c.run.From.After || b.suspect || slices.Contains(c.run.From.Wrong, b.id))
			answers[i].problem, answers[i].gone, err = c.examine(within, b, answers[i].deep, nil)
			if err != nil {
				err = fmt.Errorf("blob %s: %w", b.digest, err)
			}
			if errors.Is(err, errUnreadable) {
				answers[i].unread, err = err, nil
			}
			return err
		})
	}
	if err := errors.Join(all.Wait(), ctx.Err()); err != nil {
		return err
	}
	for i := range some {
		switch unread := answers[i].unread; {
		case unread == nil:
			if some[i].key != "" { // what stands in its row says nothing of the store
				c.unread = 0
			}
		case c.unread == unreadableMost-1:
			return unread // it is the store
		default:
			c.unread++
			f, err := c.holderOf(ctx, &some[i])
			if err != nil {
				return err
			}
			f.Invariant, f.Object, f.Detail, f.Repair = "I4", "layer "+string(some[i].digest), errors.Unwrap(unread).Error(), "see what is wrong with its object "+string(some[i].key)
			c.run.Report(f)
			answers[i].gone = true // so that it is not judged
		}
		if !answers[i].gone {
			if err := c.judge(ctx, &some[i], answers[i].problem); err != nil {
				return err
			}
		}
		b := &some[i]
		switch {
		case !c.run.Deep:
			done.add(1)
		case b.id > c.run.From.After:
			done.add(b.size)
			at.After = b.id
			if answers[i].unread != nil || answers[i].problem != "" && !answers[i].gone {
				at.Wrong = append(at.Wrong, b.id)
			}
		}
	}
	if c.run.Deep && c.run.Reached != nil {
		c.run.Reached(*at)
	}
	return nil
}

// judge reports a blob with a problem, or in quarantine, and puts it there or lets it out where that is asked for.
func (c *checker) judge(ctx context.Context, b *storedBlob, problem blob.Damage) error {
	if problem == "" && !b.suspect {
		return nil
	}
	f, err := c.holderOf(ctx, b)
	if err != nil {
		return err
	}
	f.Invariant, f.Object, f.Detail, f.Repair = "I4", "layer "+string(b.digest), string(problem), pushLayerAgain
	switch {
	case problem == "" && c.run.Deep && c.run.Quarantine:
		f.Detail, f.Repair = "was quarantined, and its bytes are right", "it is served again"
		_, err = c.quarantine(ctx, b, false)
	case problem == "" && c.run.Deep:
		f.Detail, f.Repair = "is quarantined, and its bytes are right", "berth fsck --deep --repair quarantine has it served again"
	case problem == "":
		f.Detail = "is quarantined: its bytes were found wrong"
	case b.suspect:
		f.Detail += "; it is quarantined"
	case c.run.Quarantine:
		_, err = c.quarantine(ctx, b, true)
		f.Detail += "; it is quarantined now"
	}
	c.run.Report(f)
	return err
}

// holderOf names a repository that holds the blob: the oldest, of the region that is looked at.
func (c *checker) holderOf(ctx context.Context, b *storedBlob) (f check.Finding, err error) {
	err = c.db.Rows(ctx, `SELECT r.account, r.region, r.name FROM layer l JOIN repository r ON r.id = l.repository_id
		WHERE l.blob_id = $1 AND r.account <> '' AND (r.region = $2 OR $2 = '') ORDER BY r.id LIMIT 1`, sql.Args(b.id, c.run.Region), func(row sql.Scanner) error {
		return row.Scan(&f.Account, &f.Region, &f.Repository)
	})
	return f, err
}

// leaks is I5: no blob without a repository that is not condemned, and no object without a row but young ones.
func (c *checker) leaks(ctx context.Context) error {
	if err := c.unheld(ctx); err != nil {
		return err
	}
	for i, store := range c.stores() {
		done := progress{c.run, []string{"objects", "archived objects"}[i], 0, 0}
		if err := c.db.Row(ctx, `SELECT count(*) FROM blob WHERE key <> '' AND archived = $1`, sql.Args(i == 1), &done.total); err != nil {
			return err
		}
		w := &walk{checker: c, store: store, done: &done}
		before := c.db.Now().Add(-leakAge)
		err := store.Walk(ctx, func(key blob.Key, size int64, stored time.Time) error {
			if stored.After(before) {
				done.add(1)
				return nil
			}
			w.batch = append(w.batch, object{key, size, stored})
			if len(w.batch) < pageRows {
				return nil
			}
			return w.flush(ctx)
		})
		if err == nil {
			err = w.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unheld finds the blobs that no repository holds and that nobody will remove.
func (c *checker) unheld(ctx context.Context) error {
	const unheld = ` NOT EXISTS (SELECT 1 FROM layer l WHERE l.blob_id = b.id) AND NOT EXISTS (SELECT 1 FROM condemned_blob c WHERE c.blob_id = b.id)`
	for after := int64(-1); ; {
		var page []storedBlob
		err := c.db.Rows(ctx, selectBlob+` WHERE b.id > $1 AND`+unheld+` ORDER BY b.id LIMIT $2`, sql.Args(after, pageRows), func(row sql.Scanner) error {
			var b storedBlob
			err := b.scan(row)
			page = append(page, b)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			b := &page[i]
			after = b.id
			if c.run.Leaks { // the collection looks again
				err := c.db.Write(ctx, func(tx *sql.Tx) error {
					_, err := tx.Exec(`INSERT INTO condemned_blob (blob_id, since, round) SELECT b.id, CAST($1 AS BIGINT), c.round FROM blob b, collection c WHERE b.id = $2 AND`+unheld+` ON CONFLICT DO NOTHING`,
						sql.Micros(c.db.Now()), b.id)
					return err
				})
				if err != nil {
					return err
				}
			}
			c.run.Report(check.Finding{Invariant: "I5", Object: "blob " + string(b.digest), Detail: fmt.Sprintf("is held by no repository, and nobody collects its %d bytes", b.size), Repair: c.leak()})
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

// object is one that a store has.
type object struct {
	key    blob.Key
	size   int64
	stored time.Time
}

// walk looks at the objects of one store, some at a time.
type walk struct {
	*checker
	store blob.Store
	done  *progress
	batch []object
}

// flush reports those of the batch to which nothing leads: no blob, no upload, no worker that moves a layer, and no collection that will delete it. An object that is
// still there after no row was found can get none any more, because keys are never used twice.
func (w *walk) flush(ctx context.Context) error {
	if len(w.batch) == 0 {
		return nil
	}
	args := make([]any, pageRows) // always as many, so that it is one statement
	for i := range args {
		args[i] = string(w.batch[min(i, len(w.batch)-1)].key)
	}
	in := parameters(1, pageRows)
	known := make(map[blob.Key]bool, len(w.batch))
	err := w.db.Rows(ctx, `SELECT key FROM blob WHERE key <> '' AND key IN `+in+` UNION ALL SELECT key FROM dead_object WHERE key IN `+in+`
		UNION ALL SELECT key FROM blob_review WHERE key <> '' AND key IN `+in+` UNION ALL SELECT id FROM upload WHERE id IN `+in, args, func(row sql.Scanner) error {
		var key blob.Key
		err := row.Scan(&key)
		known[key] = true
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range w.batch {
		w.done.add(1)
		if known[o.key] {
			continue
		}
		content, err := w.store.Open(ctx, o.key, o.size)
		if err != nil { // it was deleted meanwhile
			continue
		}
		_ = content.Close()
		if w.run.Leaks {
			if err := w.store.Delete(ctx, o.key); err != nil {
				return err
			}
		}
		w.run.Report(check.Finding{Invariant: "I5", Object: "object " + string(o.key), Detail: fmt.Sprintf("of %d bytes, stored %s, belongs to nothing", o.size, o.stored.UTC().Format(time.DateTime)), Repair: w.leak()})
	}
	w.batch = w.batch[:0]
	return nil
}
