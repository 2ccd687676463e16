package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-registry/berth/backup"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/event"
	"github.com/berth-registry/berth/storage/sql"
)

// Parts are all parts of the database.
func Parts() []sql.Part {
	return []sql.Part{audit.Schema(), iam.Schema(), org.Schema(), registry.Schema(), event.Schema()}
}

// errNever says that there is no installation.
var errNever = errors.New("there is no installation: it has never been started")

// Source opens an installation to be copied; nothing of it is changed. A running server may go on with it unless alone is set: then the error is ErrInUse while one
// on this machine runs.
func (i *Installation) Source(ctx context.Context, alone bool) (_ *backup.Source, closeAll func(), err error) {
	s := &Server{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := i.check(); err != nil {
		return nil, nil, err
	}
	dsn := i.in(&i.Folder)
	if file, err := sql.File(dsn); err != nil {
		return nil, nil, err
	} else if file != "" && !exists(file) { // to open a file that is not there would make it
		return nil, nil, fmt.Errorf("%s: %w", file, errNever)
	}
	if err := i.exists(); err != nil {
		return nil, nil, err
	}
	if alone && exists(i.Data) {
		lock, err := lockData(i.Data)
		if err != nil {
			return nil, nil, err
		}
		s.onClose(func() { lock.Close() }) //nolint:errcheck // the end of the process lets go of it too
	}
	source := &backup.Source{}
	if exists(i.Data) {
		source.Folder = i.Data
	}
	if source.DB, err = s.openDatabase(ctx, dsn); err != nil {
		return nil, nil, err
	}
	if err = source.DB.Current(ctx, Parts()); err != nil {
		return nil, nil, err
	}
	if source.Blobs, source.Archive, err = i.Stores.open(ctx, &i.Folder); err != nil {
		return nil, nil, err
	}
	if err = registry.Belongs(ctx, source.DB, source.Blobs, source.Archive); err != nil { // a copy would be told that all layers are lost
		return nil, nil, err
	}
	return source, s.Close, nil
}

// Target opens the stores of an installation that is to be made, and takes its data folder for this process.
func (i *Installation) Target(ctx context.Context) (_ *backup.Target, closeAll func(), err error) {
	if err := i.check(); err != nil {
		return nil, nil, err
	}
	if i.ArchiveBlobs != "" && i.ArchiveBlobs == i.blobs(&i.Folder) {
		return nil, nil, errors.New("the archive's store has to be another than that for layers")
	}
	if err := i.create(); err != nil {
		return nil, nil, err
	}
	lock, err := lockData(i.Data)
	if err != nil {
		return nil, nil, err
	}
	closeAll = func() { lock.Close() } //nolint:errcheck // the end of the process lets go of it too
	t := &backup.Target{Database: i.in(&i.Folder), Folder: i.Data}
	if t.Blobs, t.Archive, err = i.Stores.open(ctx, &i.Folder); err != nil {
		closeAll()
		return nil, nil, err
	}
	return t, closeAll, nil
}

// OpenBackup opens the place of a backup: a folder, or s3://bucket/prefix?…. write makes a folder that is not there, and takes it for this process; without, the error is
// fs.ErrNotExist.
func OpenBackup(ctx context.Context, place string, write bool) (_ *backup.Place, closeAll func(), err error) {
	if strings.HasPrefix(place, "s3://") {
		store, err := blob.OpenS3(ctx, place)
		if err != nil {
			return nil, nil, err
		}
		return backup.Bucket(store), func() {}, nil
	}
	if strings.Contains(place, "://") {
		return nil, nil, errors.New("a backup is in a folder, or in s3://bucket/prefix?…")
	}
	if !write {
		if !exists(place) {
			return nil, nil, fmt.Errorf("%s: %w", place, fs.ErrNotExist)
		}
		p, err := backup.Open(place)
		return p, func() {}, err
	}
	folder := Folder{Data: place}
	if err := folder.create(); err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(place, 0o700); err != nil { // it may have been there, open to others
		return nil, nil, err
	}
	lock, err := lockData(place)
	if err != nil {
		return nil, nil, err
	}
	p, err := backup.Open(place)
	if err != nil {
		lock.Close() //nolint:errcheck // the first error tells
		return nil, nil, err
	}
	return p, func() { lock.Close() }, nil //nolint:errcheck // the end of the process lets go of it too
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Clean(path))
	return err == nil
}
