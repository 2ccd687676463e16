package server

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

// OpenIdentity opens the accounts of an installation whose server is stopped, for the commands that then work on its data folder; close ends it. It makes
// nothing that is not there. On PostgreSQL servers may go on. The errors are ErrInUse while a server runs on SQLite, and fs.ErrNotExist when the installation has never been started.
func OpenIdentity(ctx context.Context, f Folder, d Database) (directory *iam.Directory, closeAll func(), err error) {
	s := &Server{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if _, err := os.Stat(f.Data); err != nil {
		return nil, nil, fmt.Errorf("data folder: %w", err)
	}
	dsn := d.in(&f)
	file, err := sql.File(dsn)
	if err != nil {
		return nil, nil, err
	}
	if file != "" { // PostgreSQL takes many writers, and tells the nodes what has changed
		lock, err := lockData(f.Data)
		if err != nil {
			return nil, nil, err
		}
		s.onClose(func() { lock.Close() })
	}
	if d.DB == "" { // to open a file that is not there would make it
		if _, err := os.Stat(file); err != nil {
			return nil, nil, fmt.Errorf("data folder: %w", err)
		}
	}
	db, err := s.openDatabase(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	log, err := audit.Open(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	s.onClose(log.Close)
	if directory, err = iam.Open(ctx, db, log, iam.Options{}); err != nil {
		return nil, nil, err
	}
	s.onClose(directory.Close)
	if _, err = directory.FirstAccount(ctx); fault.Is(err, fault.NoSuchEntity) {
		err = fmt.Errorf("%s has no accounts yet: %w", f.Data, fs.ErrNotExist)
	}
	return directory, s.Close, err
}

// openDatabase opens the database until Close.
func (s *Server) openDatabase(ctx context.Context, dsn string) (*sql.DB, error) {
	db, err := sql.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	s.onClose(func() {
		if err := db.Close(); err != nil {
			slog.Error("the database did not close well", "error", err)
		}
	})
	return db, nil
}
