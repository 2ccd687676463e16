package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// markName is the note by which a store for layers says of which installation it is.
const markName = "installation"

// markedBySome is how many of its layers a store without a mark is asked for: it was made by a berth that left none, if it has one of them.
const markedBySome = 20

// store is where blobs are, or those of archived images; nil if there is none.
func (o *objects) store(away bool) blob.Store {
	if away {
		return o.archive
	}
	return o.blobs
}

// belongs fails when a store is not the one that the database goes with: a disk that is not mounted, an empty folder or the bucket of another installation answers as if all
// layers were lost, and whoever believed it would give up good ones. marked says that the store bears the mark of this installation.
func (o *objects) belongs(ctx context.Context, away bool) (marked bool, err error) {
	id, err := Identity(ctx, o.db)
	if err != nil || id == "" {
		return false, err
	}
	name, option := "the store for layers", "--blobs"
	if away {
		name, option = "the store for layers of archived images", "--archive-blobs"
	}
	mark, err := o.store(away).Note(ctx, markName)
	switch {
	case err == nil && string(mark) == id:
		return true, nil
	case err == nil:
		return false, fmt.Errorf("%s belongs to another installation: name that of this one with %s, in a folder or with a prefix of its own", name, option)
	case !errors.Is(err, blob.ErrMissing):
		return false, err
	}
	some, found := false, false
	err = o.db.Rows(ctx, `SELECT key, size FROM blob WHERE key <> '' AND archived = $1 ORDER BY id DESC LIMIT $2`, sql.Args(away, markedBySome), func(row sql.Scanner) error {
		var key blob.Key
		var size int64
		if err := row.Scan(&key, &size); err != nil || found {
			return err
		}
		some = true
		content, err := o.store(away).Open(ctx, key, size)
		if errors.Is(err, blob.ErrMissing) || errors.Is(err, blob.ErrSize) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		return content.Close()
	})
	switch {
	case err != nil || found:
		return false, err
	case some:
		return false, fmt.Errorf("%s has none of the layers that the database names: mount it, or name it with %s; if they are lost, `berth fsck --repair store` has this one used in its place", name, option)
	}
	// A database that has nothing in the store yet: what is there already may be an older berth's, of another database.
	strange, err := o.strange(ctx, away)
	if err == nil && strange {
		err = fmt.Errorf("%s has layers that the database does not know: name an empty one with %s; if they are of no use, `berth fsck --repair store` has it used as it is", name, option)
	}
	return false, err
}

// strange reports whether a store holds objects, and the first of them are not of the database.
func (o *objects) strange(ctx context.Context, away bool) (bool, error) {
	enough := errors.New("enough")
	var keys []blob.Key
	err := o.store(away).Walk(ctx, func(key blob.Key, _ int64, _ time.Time) error {
		if keys = append(keys, key); len(keys) == markedBySome {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return false, err
	}
	for _, key := range keys {
		var known bool
		err := o.db.Row(ctx, `SELECT EXISTS (SELECT 1 FROM blob WHERE key = $1 AND key <> '') OR EXISTS (SELECT 1 FROM dead_object WHERE key = $1)
			OR EXISTS (SELECT 1 FROM blob_review WHERE key = $1 AND key <> '') OR EXISTS (SELECT 1 FROM upload WHERE id = $1)`, sql.Args(key), &known)
		if err != nil || known {
			return false, err
		}
	}
	return len(keys) > 0, nil
}

// lost reports whether an object that a store says it does not have is lost: nil if it is, and Unavailable while the store itself is not there.
func (o *objects) lost(ctx context.Context, away bool) error {
	_, err := o.belongs(ctx, away)
	if err != nil && fault.As(err) == nil {
		slog.ErrorContext(ctx, "the store for layers is not that of this installation; nothing is said to be lost", "error", err)
		err = fault.Wrap(err, fault.Unavailable, "the registry's storage does not answer as it should; try again")
	}
	return err
}

// claim marks the stores, so that they are told from others from now on. It fails as belongs does, unless instead says that they take the place of what was lost.
func (o *objects) claim(ctx context.Context, instead bool) error {
	for _, away := range []bool{false, true} {
		if o.store(away) == nil {
			continue
		}
		marked, err := o.belongs(ctx, away)
		if marked || err != nil && !instead {
			if err != nil {
				return err
			}
			continue
		}
		id, err := Identity(ctx, o.db)
		if err != nil || id == "" {
			return err
		}
		if err := o.store(away).SetNote(ctx, markName, []byte(id)); err != nil && instead {
			return err
		} else if err != nil { // its disk is full, for instance: pulls need no mark
			slog.WarnContext(ctx, "the store for layers could not be marked as that of this installation; the next start tries again", "error", err)
		}
	}
	return nil
}

// Belongs fails when a store is not the one that the database goes with. archive is nil if there is none.
func Belongs(ctx context.Context, db *sql.DB, blobs, archive blob.Store) error {
	o := objects{db, blobs, archive}
	for _, away := range []bool{false, true} {
		if o.store(away) == nil {
			continue
		}
		if _, err := o.belongs(ctx, away); err != nil {
			return err
		}
	}
	return nil
}
