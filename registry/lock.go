package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// Lock keeps an image: it is not deleted, by request or by a lifecycle policy, and not archived, and a locked tag goes on naming its image. AWS has no such thing.
type Lock struct {
	Target string // the tag or the digest that is locked
	Reason string
	By     string // ARN of who locked it
	At     time.Time
}

// FailLocked is the failure of an image that a lock keeps.
const FailLocked = "ImageLocked"

// String tells who locked what, and why.
func (l *Lock) String() string {
	return fmt.Sprintf("%s is locked by %s since %s: %s", l.Target, l.By, l.At.UTC().Format(time.RFC3339), l.Reason)
}

// LockImage locks the tag, or without one the digest, of an image that is there. By a locked tag the image that it names is kept, and the tag itself; by a locked digest
// the image, whose tags may go as long as it stays. The faults are ImageNotFound, and InvalidParameter when it is locked already or the reason is none or blank.
func (r *Repo) LockImage(ctx context.Context, id Reference, reason string) (*Lock, error) {
	if len(reason) > 1000 || strings.TrimSpace(reason) == "" {
		return nil, invalid("reason", "Member must have length between 1 and 1000, and more in it than blanks")
	}
	lock := &Lock{Target: id.Tag, Reason: reason, By: r.call.Audit.Principal, At: r.g.now()}
	err := r.write(ctx, func(tx *sql.Tx) error {
		d, _, err := r.resolve(tx, id)
		if err != nil {
			return err
		}
		if id.Tag == "" {
			lock.Target = string(d)
		}
		n, err := tx.Exec(`INSERT INTO image_lock (repository_id, target, reason, locked_by, locked_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			r.ID, lock.Target, lock.Reason, lock.By, sql.Micros(lock.At))
		if err != nil || n > 0 {
			return err
		}
		has, err := r.lockOn(tx, lock.Target)
		if err != nil {
			return err
		}
		return fault.New(fault.InvalidParameter, "Unlock it first: the image %s", has)
	})
	return lock, err
}

// UnlockImage takes a lock away, and answers what it was. The fault is ImageNotFound when there is no lock on that tag or digest.
func (r *Repo) UnlockImage(ctx context.Context, id Reference) (lock *Lock, err error) {
	target := id.Tag
	if target == "" {
		target = string(id.Digest)
	}
	r.note(id.Tag, id.Digest)
	err = r.write(ctx, func(tx *sql.Tx) error {
		if lock, err = r.lockOn(tx, target); err != nil {
			return err
		}
		if lock == nil {
			return fault.New(fault.ImageNotFound, "There is no lock on %s in the repository with name '%s'", target, r.Name)
		}
		_, err := tx.Exec(`DELETE FROM image_lock WHERE repository_id = $1 AND target = $2`, r.ID, target)
		return err
	})
	return lock, err
}

// Locks lists the repository's locks by what they are on, limit at a time after the one that the page before ended with.
func (r *Repo) Locks(ctx context.Context, after string, limit int) (list []Lock, more bool, err error) {
	err = r.g.db.Rows(ctx, selectLock+` AND target > $2 ORDER BY target LIMIT $3`, sql.Args(r.ID, after, limit+1), func(row sql.Scanner) error {
		l, err := scanLock(row.Scan)
		list = append(list, l)
		return err
	})
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more, err
}

const selectLock = `SELECT target, reason, locked_by, locked_at FROM image_lock WHERE repository_id = $1`

func scanLock(scan func(...any) error) (l Lock, err error) {
	var at int64
	err = scan(&l.Target, &l.Reason, &l.By, &at)
	l.At = sql.Time(at)
	return l, err
}

// namesOf are what an image can be locked by: its digest, and its tags.
const namesOf = `SELECT CAST($2 AS TEXT) UNION ALL SELECT name FROM tag WHERE repository_id = $1 AND digest = $2`

// lockOf is the lock that keeps the image: one on its digest, or on a tag that names it; nil if there is none.
func (r *Repo) lockOf(tx *sql.Tx, d oci.Digest) (*Lock, error) {
	return oneLock(tx, selectLock+` AND target IN (`+namesOf+`) ORDER BY locked_at, target LIMIT 1`, sql.Args(r.ID, d))
}

// lockOn is the lock on a tag or a digest itself; nil if there is none.
func (r *Repo) lockOn(tx *sql.Tx, target string) (*Lock, error) {
	return oneLock(tx, selectLock+` AND target = $2`, sql.Args(r.ID, target))
}

// someLock is one of the repository's locks; nil if it has none.
func (r *Repo) someLock(tx *sql.Tx) (*Lock, error) {
	return oneLock(tx, selectLock+` ORDER BY target LIMIT 1`, sql.Args(r.ID))
}

func oneLock(tx *sql.Tx, query string, args []any) (*Lock, error) {
	l, err := scanLock(func(dest ...any) error { return tx.Row(query, args, dest...) })
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// locked is the failure of an image that a lock keeps; nil without a lock.
func locked(id Reference, l *Lock) *Failure {
	if l == nil {
		return nil
	}
	return &Failure{id, FailLocked, "Requested image cannot be deleted: " + l.String()}
}
