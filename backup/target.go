package backup

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// Target is where an installation is copied to: an empty place.
type Target struct {
	// Database is its DSN, as sql.Open takes it.
	Database string
	// Blobs is for its objects, and Archive for those of archived images; nil puts all into one store.
	Blobs, Archive blob.Store
	// Folder is its data folder.
	Folder string
}

// Restore makes an installation of a backup, in an empty place. The errors are those of Place.Manifest, ErrTaken and sql.ErrNotEmpty. What the backup lacks is in
// the report: the installation has everything else, and a push of the same content brings it back.
func Restore(ctx context.Context, from *Place, to *Target, o Options) (*Report, error) {
	m, err := from.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	path, drop, err := from.database(ctx, m, to.Folder)
	if err != nil {
		return nil, err
	}
	defer drop()
	db, err := sql.OpenSnapshot(ctx, path)
	if err != nil {
		return nil, err
	}
	report, err := move(ctx, &Source{DB: db, Blobs: from.store}, from.files(m), to, o)
	return report, errors.Join(err, db.Close())
}

// Migrate copies an installation to other stores, into an empty place. The original stays as it is; what is written to it after the last of its rows was read is not in
// the copy. The errors are ErrTaken and sql.ErrNotEmpty. Run again after it was interrupted, it copies only what is missing.
func Migrate(ctx context.Context, from *Source, to *Target, o Options) (*Report, error) {
	if from.DB.Shared() { // others may be running on it
		held, stop, err := hold(ctx, from.DB)
		if err != nil {
			return nil, err
		}
		defer stop()
		ctx = held
	}
	report, err := move(ctx, from, from.files, to, o)
	if err != nil {
		err = cause(ctx, err)
	}
	return report, err
}

func move(ctx context.Context, from *Source, files func(context.Context) (map[string][]byte, error), to *Target, o Options) (*Report, error) {
	report := &Report{Began: now()}
	installation, err := from.identity(ctx, o.Parts)
	if err != nil {
		return nil, err
	}
	found, err := files(ctx)
	if err != nil {
		return nil, err
	}
	if err := to.empty(ctx, found); err != nil {
		return nil, err
	}
	c := &copier{from: stores{from.Blobs, from.Archive}, to: stores{to.Blobs, to.Archive}, options: o}
	for _, store := range c.to.all() {
		if err := claim(ctx, store, store.Note, store.SetNote, installation); err != nil {
			return nil, fmt.Errorf("the store for layers: %w", err)
		}
	}
	if err := c.bulk(ctx, from.DB); err != nil {
		return nil, err
	}
	if _, err := copyFiles(ctx, files, func(_ context.Context, name string, text []byte) error { return blob.WriteNote(to.Folder, name, text) }); err != nil {
		return nil, err
	}
	settle := registry.Settle(to.Archive != nil)
	dsn := to.Database
	path, err := sql.File(dsn)
	if err != nil {
		return nil, err
	}
	if path != "" { // a file is made beside the one that it will be
		dsn = "sqlite:" + path + ".new"
		removeDatabase(path + ".new")
		defer removeDatabase(path + ".new")
	}
	tables, err := c.rows(ctx, from.DB, dsn, settle)
	if err == nil && path != "" {
		err = errors.Join(syncFile(path+".new"), blob.Rename(path+".new", path))
	}
	if err != nil {
		return nil, err
	}
	report.filled(tables)
	c.report(report)
	if report.Removed, err = c.prune(ctx); err != nil {
		return nil, err
	}
	for _, store := range c.to.all() {
		if err := store.SetNote(ctx, begunName, nil); err != nil {
			return nil, err
		}
	}
	report.Ended = now()
	return report, nil
}

// empty fails if there is a database already, or another installation's files.
func (t *Target) empty(ctx context.Context, files map[string][]byte) error {
	if err := free(t.Folder, files); err != nil {
		return err
	}
	path, err := sql.File(t.Database)
	if err != nil {
		return err
	}
	if path != "" {
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%w: there is a database %s", ErrTaken, path)
		}
		return nil
	}
	db, err := sql.Open(ctx, t.Database)
	if err != nil {
		return err
	}
	return errors.Join(db.Empty(ctx), db.Close())
}
