package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// store is where objects are: the archive's store, or the one for all others.
func (g *Registry) store(archive bool) blob.Store {
	if archive {
		return g.archive
	}
	return g.blobs
}

const (
	// moveLease is for how long a worker has a blob for itself without a sign of life: then it is taken to be dead, and another one copies the blob again.
	moveLease = 15 * time.Minute
	// moveSign is how often a worker gives one while bytes flow.
	moveSign = time.Minute
	// moveAgain is when a copy that failed is tried again.
	moveAgain = time.Minute
)

// errOvertaken says that another worker has taken over the copying of a blob.
var errOvertaken = errors.New("another worker copies this layer")

// move is one blob that belongs into the other store.
type move struct {
	blob     int64
	digest   oci.Digest
	size     int64
	from, to blob.Key
	archive  bool // to is a key of the archive's store
}

// MoveLayers brings the layers that only archived images of the whole cell use into the archive's store, and those that others use back from there, makes images that were
// waiting for them active. What somebody waits for comes first: an image does not wait behind all that was archived before (LC-37). It answers how many layers it moved.
// Several nodes may do it at once. alive, if not nil, is called about once a minute while bytes flow, and after each layer. Without an archive's store there is nothing to do.
//
// The copy is durable before the row points to it, and the old object is deleted long after: a crash anywhere costs a copy that is deleted later, and loses nothing.
func (g *Registry) MoveLayers(ctx context.Context, alive func()) (moved int, err error) {
	if g.archive == nil {
		return 0, nil
	}
	if alive == nil {
		alive = func() {}
	}
	for {
		m, more, err := g.nextMove(ctx)
		if err != nil {
			return moved, err
		}
		if !more {
			break
		}
		if m == nil {
			continue
		}
		alive()
		switch err := g.move(ctx, m, alive); {
		case errors.Is(err, errOvertaken):
		case err != nil:
			return moved, errors.Join(fmt.Errorf("layer %s: %w", m.digest, err), g.finishActivations(ctx))
		default:
			moved++
		}
		if !m.archive { // it may have been the last one that an image was waiting for
			if err := g.finishActivations(ctx); err != nil {
				return moved, err
			}
		}
	}
	return moved, g.finishActivations(ctx)
}

// nextMove takes a blob that is to be looked at. The answer is nil for one that is where it belongs; more is false if there is none.
func (g *Registry) nextMove(ctx context.Context) (m *move, more bool, err error) {
	// A node that has nothing to do only reads.
	if err := g.db.Row(ctx, `SELECT EXISTS (SELECT 1 FROM blob_review WHERE due <= $1)`, sql.Args(sql.Micros(g.now())), &more); err != nil || !more {
		return nil, false, err
	}
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		m, more = nil, false
		now := g.now()
		var id int64
		var left blob.Key
		var leftArchive bool
		err := tx.Row(`UPDATE blob_review SET due = $1 WHERE blob_id = (SELECT blob_id FROM blob_review WHERE due <= $2 ORDER BY due LIMIT 1) AND due <= $2
			RETURNING blob_id, key, archive`, sql.Args(sql.Micros(now.Add(moveLease)), sql.Micros(now)), &id, &left, &leftArchive)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		if left != "" { // of a worker that did not come to its end
			if err := g.bury(tx, left, leftArchive, 0); err != nil {
				return err
			}
		}
		one := &move{blob: id}
		var away bool
		if err := tx.Row(`SELECT digest, size, key, archived FROM blob WHERE id = $1`, sql.Args(id), &one.digest, &one.size, &one.from, &away); err != nil {
			return err
		}
		if one.archive, err = g.belongs(tx, id, away); err != nil {
			return err
		}
		if one.archive == away || one.from == "" {
			_, err := tx.Exec(`DELETE FROM blob_review WHERE blob_id = $1`, id)
			return err
		}
		one.to = blob.Key(uuid.NewString())
		m = one
		_, err = tx.Exec(`UPDATE blob_review SET key = $1, archive = $2 WHERE blob_id = $3`, one.to, one.archive, id)
		return err
	})
	return m, more, err
}

// belongs reports whether a blob belongs into the archive's store. One that no image uses stays where it is.
func (g *Registry) belongs(tx *sql.Tx, id int64, away bool) (bool, error) {
	const used = `SELECT EXISTS (SELECT 1 FROM layer l JOIN manifest_ref f ON f.repository_id = l.repository_id AND f.child = l.digest AND f.kind IN ('config', 'layer')
		JOIN manifest m ON m.repository_id = f.repository_id AND m.digest = f.parent WHERE l.blob_id = $1 AND m.status `
	var active, archived bool
	if err := tx.Row(used+`<> 'ARCHIVED')`, sql.Args(id), &active); err != nil || active {
		return false, err
	}
	err := tx.Row(used+`= 'ARCHIVED')`, sql.Args(id), &archived)
	return archived || away, err
}

// move copies the bytes and points the row to the copy. When it fails, what was copied is removed, and it is tried again before the lease would end; after errOvertaken
// nothing is left to do.
func (g *Registry) move(ctx context.Context, m *move, alive func()) error {
	to := g.store(m.archive)
	u := &blob.Upload{ID: string(m.to)}
	err := g.copyTo(ctx, to, u, m, alive)
	if err == nil {
		err = g.moved(ctx, m)
	}
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if errors.Is(err, errOvertaken) {
		return errors.Join(err, to.Abort(ctx, u), to.Delete(ctx, m.to))
	}
	// Whether there is an object is not known after every failure: the key stays in the row, and the next worker buries it.
	return errors.Join(err, to.Abort(ctx, u), g.keepMove(ctx, m, moveAgain))
}

// copyTo copies the bytes to an object of a store.
func (g *Registry) copyTo(ctx context.Context, to blob.Store, u *blob.Upload, m *move, alive func()) error {
	content, err := g.store(!m.archive).Open(ctx, m.from, m.size)
	if err != nil {
		return err
	}
	source := &moving{ctx: ctx, g: g, move: m, Reader: content, sign: g.now().Add(moveSign), alive: alive}
	if err := errors.Join(to.Append(ctx, u, source), content.Close()); err != nil {
		return err
	}
	if is, err := u.Digest(); err != nil || is != m.digest {
		return errors.Join(err, fmt.Errorf("the bytes at %s have the digest %s", m.from, is))
	}
	if err := g.keepMove(ctx, m, moveLease); err != nil {
		return err
	}
	return to.Commit(ctx, u)
}

// moving are the bytes of a blob on their way, which give a sign of life as they are read: however long the copying takes, no other worker begins it again.
type moving struct {
	io.Reader
	ctx  context.Context
	g    *Registry
	move *move
	sign time.Time // when the next one is due

	alive func()
}

// Read is io.Reader's. The error is errOvertaken when another worker has the blob.
func (r *moving) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if now := r.g.now(); !now.Before(r.sign) {
		if err := r.g.keepMove(r.ctx, r.move, moveLease); err != nil {
			return 0, err
		}
		r.sign = now.Add(moveSign)
		r.alive()
	}
	return r.Reader.Read(p)
}

// keepMove has the blob to itself for a time longer. errOvertaken says that another worker has it.
func (g *Registry) keepMove(ctx context.Context, m *move, d time.Duration) error {
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`UPDATE blob_review SET due = $1 WHERE blob_id = $2 AND key = $3`, sql.Micros(g.now().Add(d)), m.blob, m.to)
		if err == nil && n == 0 {
			err = errOvertaken
		}
		return err
	})
}

// moved points the row to the copy, if that is still what is wanted.
func (g *Registry) moved(ctx context.Context, m *move) error {
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM blob_review WHERE blob_id = $1 AND key = $2`, m.blob, m.to)
		if err != nil {
			return err
		}
		if n == 0 {
			return errOvertaken
		}
		belongs, err := g.belongs(tx, m.blob, !m.archive)
		if err != nil {
			return err
		}
		if belongs == m.archive {
			if n, err = tx.Exec(`UPDATE blob SET key = $1, archived = $2 WHERE id = $3 AND key = $4`, m.to, m.archive, m.blob, m.from); err != nil {
				return err
			}
			if n > 0 {
				return errors.Join(g.bury(tx, m.from, !m.archive, m.size), tx.Changed(g.contents.dropped, ""))
			}
		}
		return g.bury(tx, m.to, m.archive, m.size) // its images changed meanwhile, or its bytes were replaced
	})
}

// finishAtOnce is how many waiting images one look finds.
const finishAtOnce = 200

// finishActivations makes images active whose layers are all back: first what an index lists, then the index.
func (g *Registry) finishActivations(ctx context.Context) error {
	for {
		type waiting struct {
			repository int64
			digest     oci.Digest
		}
		var list []waiting
		err := g.db.Rows(ctx, `SELECT m.repository_id, m.digest FROM manifest m WHERE m.status = 'ACTIVATING'
			AND NOT EXISTS (SELECT 1 FROM manifest_ref f JOIN layer l ON l.repository_id = f.repository_id AND l.digest = f.child JOIN blob b ON b.id = l.blob_id
				WHERE f.repository_id = m.repository_id AND f.parent = m.digest AND f.kind IN ('config', 'layer') AND b.archived)
			AND NOT EXISTS (SELECT 1 FROM manifest_ref f JOIN manifest c ON c.repository_id = f.repository_id AND c.digest = f.child
				WHERE f.repository_id = m.repository_id AND f.parent = m.digest AND f.kind = 'manifest' AND c.status = 'ACTIVATING')
			LIMIT $1`, sql.Args(finishAtOnce), func(row sql.Scanner) error {
			var w waiting
			err := row.Scan(&w.repository, &w.digest)
			list = append(list, w)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, w := range list {
			err := g.db.Write(ctx, func(tx *sql.Tx) error {
				repo, err := g.scanRepository(func(dest ...any) error {
					return tx.Row(selectRepository+` WHERE id = $1`, sql.Args(w.repository), dest...)
				})
				if err != nil {
					return err
				}
				r := &Repo{Repository: repo, g: g}
				return errors.Join(r.activated(tx, w.digest), r.usersChanged(tx, w.digest))
			})
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
	}
}
