// Package backup copies whole installations: all rows of the database as they are at one moment, and every object that these rows lead to. A backup is such a copy that can be
// read by berth and by nothing that runs; restoring one and moving to other stores are copies the other way.
//
// What all three share: objects go first, and the rows at last and at once, so that what did not come to its end is never taken for a whole; an object that is there
// already is not copied again, since keys are never used twice; every object is hashed on its way and every row read again (durability.md, F28).
package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// Source is an installation that is copied.
type Source struct {
	DB *sql.DB
	// Blobs holds its objects, and Archive those of archived images; nil if they are with the others.
	Blobs, Archive blob.Store
	// Folder is its data folder, for the files that are in no database; empty if there is none.
	Folder string
}

// Options are what the copying needs to know, and whom it tells how far it is. All of it but Parts may be left out.
type Options struct {
	// Parts are all parts of berth's database.
	Parts []sql.Part
	// Berth is the version of this program.
	Berth string
	// Verify reads every object of the copy, those that were there already too. One that is damaged is copied again.
	Verify bool
	// Progress is called often, from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a copy is.
type Progress struct {
	// Objects and Bytes are done, of AllObjects and AllBytes: as many as there were at the beginning.
	Objects, AllObjects, Bytes, AllBytes int64
	// Table is the one that is being copied, empty before the first, and Rows how many of its rows are.
	Table string
	Rows  int64
}

// Report says what was copied.
type Report struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Objects and Bytes are all that the copy has; Copied and CopiedBytes those that were not there before, Mended those that were there and damaged.
	Objects     int64 `json:"objects"`
	Bytes       int64 `json:"bytes"`
	Copied      int64 `json:"copied"`
	CopiedBytes int64 `json:"copiedBytes"`
	Mended      int64 `json:"mended"`
	// Removed are objects that were in the copy and that nothing leads to any more.
	Removed int64       `json:"removed"`
	Rows    int64       `json:"rows"`
	Tables  []sql.Table `json:"tables"`
	// Damaged are objects that the copy lacks, because the original has not got them as its rows say.
	Damaged []Damage `json:"damaged,omitempty"`
}

// Damage is an object that could not be copied.
type Damage struct {
	Digest oci.Digest `json:"digest"`
	Key    blob.Key   `json:"key"`
	Size   int64      `json:"size"`
	Reason string     `json:"reason"`
}

// filled puts the tables into a report.
func (r *Report) filled(tables []sql.Table) {
	r.Tables = tables
	for _, t := range tables {
		r.Rows += t.Rows
	}
}

const (
	// holdTime is for how long the original's objects are kept from being deleted when nothing more is heard of the copying.
	holdTime = 15 * time.Minute
	// holdAgain is how often that is said again.
	holdAgain = time.Minute
)

// hold keeps the original's objects until stop is called, and for a quarter of an hour after the last sign of life if that never happens. The context that it answers
// ends when the hold cannot be kept up: what is copied after that may be gone.
func hold(ctx context.Context, db *sql.DB) (_ context.Context, stop func(), err error) {
	versions, err := db.Versions(ctx)
	if err != nil {
		return nil, nil, err
	}
	if versions[registry.Schema().Name] < holdVersion {
		return nil, nil, errors.New("the database is one of an older berth, which cannot be told to keep what is being copied: start the present one on it first")
	}
	if err := registry.HoldObjects(ctx, db, holdTime); err != nil {
		return nil, nil, err
	}
	ctx, stop = keepUp(ctx, holdTime, func(ctx context.Context) error {
		if err := registry.HoldObjects(ctx, db, holdTime); err != nil {
			return fmt.Errorf("the database could not be told to keep what is being copied: %w", err)
		}
		return nil
	})
	return ctx, stop, nil
}

// holdVersion is the version of the registry's tables from which objects can be held.
const holdVersion = 10

// identity is that of the source's installation.
func (s *Source) identity(ctx context.Context, parts []sql.Part) (string, error) {
	if err := s.DB.Known(ctx, parts); err != nil {
		return "", err
	}
	id, err := registry.Identity(ctx, s.DB)
	if err == nil && id == "" {
		err = errors.New("there is nothing to copy: this installation has never been started")
	}
	return id, err
}

// Backup makes to a backup of an installation that may be running, or brings one up to date. Until it has come to its end, an older backup there stays what it is.
// Damaged objects of the original do not stop it: the backup is good for everything else, and names them.
func Backup(ctx context.Context, from *Source, to *Place, o Options) (*Manifest, error) {
	m := &Manifest{Format: format, Berth: o.Berth, Report: Report{Began: now()}}
	var err error
	if m.Installation, err = from.identity(ctx, o.Parts); err != nil {
		return nil, err
	}
	ctx, end, err := to.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := to.begin(ctx, m); err != nil {
		return nil, err
	}
	ctx, stop, err := hold(ctx, from.DB)
	if err != nil {
		return nil, err
	}
	defer stop()

	c := &copier{from: stores{from.Blobs, from.Archive}, to: stores{to.store, nil}, options: o}
	if err := c.bulk(ctx, from.DB); err != nil {
		return nil, cause(ctx, err)
	}
	staged, err := to.stage(from.Folder)
	if err != nil {
		return nil, err
	}
	defer staged.drop()
	tables, err := c.rows(ctx, from.DB, "sqlite:"+staged.path, registry.Settle(false))
	if err != nil {
		return nil, cause(ctx, err)
	}
	m.filled(tables)
	if m.Files, err = copyFiles(ctx, from.files, to.setNote); err != nil {
		return nil, err
	}
	if m.Schema, err = from.DB.Versions(ctx); err != nil {
		return nil, err
	}
	c.report(&m.Report)
	m.Ended = now()
	if err := to.commit(ctx, m, staged, c); err != nil {
		return nil, cause(ctx, err)
	}
	// From here on this is the backup; what it does not need goes.
	if m.Removed, err = c.prune(ctx); err != nil {
		return m, fmt.Errorf("the backup is whole, but what it does not need any more was not removed: %w", err)
	}
	return m, to.end(ctx)
}

func now() time.Time { return time.Now().UTC().Round(time.Millisecond) }

// cause is why the context ended, if that is why there is an error.
func cause(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}

// rows copies the rows into an empty database, with the objects that have come since the others were copied.
func (c *copier) rows(ctx context.Context, from *sql.DB, dsn string, settle []string) (tables []sql.Table, err error) {
	to, err := sql.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	tables, err = sql.Copy(ctx, from, to, sql.CopyOptions{
		Parts: c.options.Parts, Leave: registry.LeftBehind(), Settle: settle,
		Before:   func(original *sql.Tx) error { return c.rest(ctx, original.Rows) },
		Progress: c.table,
	})
	if err == nil {
		err = to.Whole(ctx)
	}
	return tables, errors.Join(err, to.Close())
}
