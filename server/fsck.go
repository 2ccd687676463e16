package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

// Installation is where everything of an installation is kept, for commands that look at it beside its servers.
type Installation struct {
	Folder
	Database
	Stores
}

// Check looks whether all that an installation keeps is as it has to be (durability.md, section 1), and tells the run what is not. Servers may be running or not. It makes
// nothing that is not there and changes nothing but what the run has repaired. An error says that it could not look at everything.
func (i *Installation) Check(ctx context.Context, run *check.Run) (err error) {
	if err := i.exists(); err != nil {
		return err
	}
	s := &Server{}
	defer s.Close()
	db, err := s.openDatabase(ctx, i.in(&i.Folder))
	if err != nil {
		return err
	}
	blobs, archive, err := i.Stores.open(ctx, &i.Folder)
	if err != nil {
		return err
	}
	parts := []func(context.Context, *sql.DB, *check.Run) error{
		checkDatabase, audit.Check, iam.Check, org.Check,
		func(ctx context.Context, db *sql.DB, run *check.Run) error {
			return registry.Check(ctx, db, blobs, archive, run)
		},
	}
	if run.Region != "" {
		parts = parts[len(parts)-1:] // the others are of all regions
	}
	if run.Deep {
		deep, failed := i.beginDeep(ctx, db, run)
		if failed != nil {
			return failed
		}
		defer func() { deep.end(err) }()
	}
	for _, part := range parts {
		if err := part(ctx, db, run); err != nil && !isFinding(err, run) {
			return err
		}
	}
	return nil
}

// exists fails for what opening would make.
func (i *Installation) exists() error {
	if i.DB == "" {
		if _, err := os.Stat(i.database()); err != nil {
			return fmt.Errorf("--data: there is no installation: %w", err)
		}
	}
	for _, store := range []string{i.blobs(&i.Folder), i.ArchiveBlobs} {
		if folder := strings.TrimPrefix(store, "file://"); folder != "" && !strings.Contains(folder, "://") {
			if _, err := os.Stat(folder); err != nil {
				return fmt.Errorf("blob store: %w", err)
			}
		}
	}
	return nil
}

// checkDatabase is I13: the database's own view of its files.
func checkDatabase(ctx context.Context, db *sql.DB, run *check.Run) error {
	return db.Problems(ctx, run.Deep, func(problem string) {
		run.Report(check.Finding{Invariant: "I13", Object: "database", Detail: problem, Repair: "restore it from a backup"})
	})
}

// isFinding reports what kept a part from being looked at, if that is a finding by itself (I13).
func isFinding(err error, run *check.Run) bool {
	var schema *sql.SchemaError
	f := check.Finding{Invariant: "I13", Object: "database", Detail: err.Error()}
	switch {
	case errors.As(err, &schema) && schema.Has < schema.Wants:
		f.Repair = "nothing of it was looked at: start a server of this version, which brings it up to date, or use the program of the version that runs"
	case errors.As(err, &schema):
		f.Repair = "nothing of it was looked at: use the newer program that made it"
	case sql.IsCorrupt(err):
		f.Repair = "what comes after it was not looked at: restore it from a backup"
	default:
		return false
	}
	run.Report(f)
	return true
}
