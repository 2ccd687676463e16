package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Part is one part of berth's tables, with the steps that make them.
type Part struct {
	// Name is that of the version table, without "_version".
	Name string
	// Steps holds a folder "migrations".
	Steps fs.FS
	// Bytewise are its columns of which lists are ordered: see DB.Bytewise.
	Bytewise []string
}

// Bring brings the tables of a part to what this program expects: see Migrate.
func (db *DB) Bring(ctx context.Context, p Part) error {
	steps, err := fs.Sub(p.Steps, "migrations")
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, p.Name, steps); err != nil {
		return err
	}
	return db.Bytewise(ctx, p.Bytewise...)
}

// Migrate brings the tables of one part of berth (its name is that of the version table) to what this program expects, each step in a transaction
// of its own. A database that a newer berth has migrated further is refused, so that an older program cannot harm it.
func (db *DB) Migrate(ctx context.Context, part string, steps fs.FS) error {
	p, have, newest, err := db.steps(ctx, part, steps)
	if err != nil {
		return err
	}
	if have > newest {
		return fmt.Errorf("migrate %s: the database is at version %d, made by a newer berth; this one knows up to %d: run the newer program", part, have, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", part, err)
	}
	return nil
}

// steps finds at which version a part is, and the newest that this program knows.
func (db *DB) steps(ctx context.Context, part string, steps fs.FS) (p *goose.Provider, have, newest int64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrate %s: %w", part, err)
		}
	}()
	dialect, pool := database.DialectPostgres, db.pool
	if db.dialect == sqlite {
		dialect, pool = database.DialectSQLite3, db.writer.pool
	}
	if err := db.makeEpochs(ctx, pool); err != nil {
		return nil, 0, 0, err
	}
	store, err := database.NewStore(dialect, part+"_version")
	if err != nil {
		return nil, 0, 0, err
	}
	if p, err = goose.NewProvider(database.DialectCustom, pool, steps, goose.WithStore(store), goose.WithDisableGlobalRegistry(true)); err != nil {
		return nil, 0, 0, err
	}
	if have, err = p.GetDBVersion(ctx); err != nil {
		return nil, 0, 0, err
	}
	for _, s := range p.ListSources() {
		newest = max(newest, s.Version)
	}
	return p, have, newest, nil
}

func (db *DB) makeEpochs(ctx context.Context, pool *stdsql.DB) error {
	if db.dialect != postgres {
		return nil
	}
	_, err := pool.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS epoch (name TEXT PRIMARY KEY, n BIGINT NOT NULL)`)
	return err
}
