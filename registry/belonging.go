package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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
	if err == nil && some && !found {
		err = fmt.Errorf("%s has none of the layers that the database names: mount it, or name it with %s; if they are lost, `berth fsck --repair store` has this one used in its place", name, option)
	}
	return false, err
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
