package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Migrate brings the tables of one part of berth (its name is that of the version table) to what this program expects, each step in a transaction
// of its own. A database that a newer berth has migrated further is refused, so that an older program cannot harm it.
func (db *DB) Migrate(ctx context.Context, part string, steps fs.FS) error {
	dialect, pool := database.DialectPostgres, db.pool
	if db.dialect == sqlite {
		dialect, pool = database.DialectSQLite3, db.writer.pool
	}
	if err := db.makeEpochs(ctx, pool); err != nil {
		return fmt.Errorf("migrate %s: %w", part, err)
	}
	store, err := database.NewStore(dialect, part+"_version")
	if err != nil {
		return fmt.Errorf("migrate %s: %w", part, err)
	}
	p, err := goose.NewProvider(database.DialectCustom, pool, steps, goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", part, err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", part, err)
	}
	newest := int64(0)
	for _, s := range p.ListSources() {
		newest = max(newest, s.Version)
	}
	if have > newest {
		return fmt.Errorf("migrate %s: the database is at version %d, made by a newer berth; this one knows up to %d: run the newer program", part, have, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", part, err)
	}
	return nil
}

func (db *DB) makeEpochs(ctx context.Context, pool *stdsql.DB) error {
	if db.dialect != postgres {
		return nil
	}
	_, err := pool.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS epoch (name TEXT PRIMARY KEY, n BIGINT NOT NULL)`)
	return err
}
