package sql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// SchemaError says that the tables of one part of berth are of another version than this program works with.
type SchemaError struct {
	Part       string
	Has, Wants int64
}

// Error is error's.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("the tables of %s are at version %d, and this program works with version %d", e.Part, e.Has, e.Wants)
}

// CheckSchema looks whether the tables of a part are at the version to which Migrate would bring them, and changes nothing. If not, the error is a SchemaError.
func (db *DB) CheckSchema(ctx context.Context, part string, steps fs.FS) error {
	e := &SchemaError{Part: part}
	names, err := fs.Glob(steps, "*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		e.Wants = max(e.Wants, n)
	}
	there := `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1)`
	if db.dialect == postgres {
		there = `SELECT to_regclass($1) IS NOT NULL`
	}
	var is bool
	if err := db.Row(ctx, there, Args(part+"_version"), &is); err != nil {
		return err
	}
	if is {
		if err := db.Row(ctx, `SELECT COALESCE(max(version_id), 0) FROM `+part+`_version`, nil, &e.Has); err != nil {
			return err
		}
	}
	if e.Has != e.Wants {
		return e
	}
	return nil
}

// problemsMost is how many problems the database tells of itself: one damaged page makes many.
const problemsMost = 100

// Problems calls report with what the database finds wrong with its own files: damaged pages and indexes, and rows whose foreign keys lead nowhere (I13). deep compares
// indexes with their tables, which reads all of them; on PostgreSQL that needs the extension amcheck, and the right to use it. It works beside writers.
func (db *DB) Problems(ctx context.Context, deep bool, report func(problem string)) error {
	if db.dialect == sqlite {
		return db.problemsOfSQLite(ctx, deep, report)
	}
	text := func(query, format string) error {
		return db.Rows(ctx, query, nil, func(row Scanner) error {
			var name string
			err := row.Scan(&name)
			report(fmt.Sprintf(format, name))
			return err
		})
	}
	err := errors.Join(
		text(`SELECT conrelid::regclass || ' ' || conname FROM pg_constraint WHERE NOT convalidated AND connamespace = current_schema()::regnamespace`, "constraint %s was never validated"),
		text(`SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace`, "index %s is not valid"))
	if err != nil || !deep {
		return err
	}
	var amcheck bool
	if err := db.Row(ctx, `SELECT EXISTS (SELECT 1 FROM pg_extension e JOIN pg_proc p ON p.pronamespace = e.extnamespace AND p.proname = 'bt_index_check'
		WHERE e.extname = 'amcheck' AND has_function_privilege(p.oid, 'EXECUTE'))`, nil, &amcheck); err != nil || !amcheck {
		return err
	}
	var indexes []string
	if err := db.Rows(ctx, `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'btree'
		WHERE c.relkind = 'i' AND c.relnamespace = current_schema()::regnamespace`, nil, func(row Scanner) error {
		var name string
		err := row.Scan(&name)
		indexes = append(indexes, name)
		return err
	}); err != nil {
		return err
	}
	for _, index := range indexes {
		_, err := db.pool.ExecContext(ctx, `SELECT bt_index_check($1::regclass, true)`, index)
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Code[:2] == "XX":
			report(fmt.Sprintf("index %s: %s", index, pg.Message))
		case err != nil:
			return classify(err)
		}
	}
	return nil
}

func (db *DB) problemsOfSQLite(ctx context.Context, deep bool, report func(problem string)) error {
	pragma := `PRAGMA quick_check`
	if deep {
		pragma = `PRAGMA integrity_check`
	}
	err := db.Rows(ctx, fmt.Sprintf("%s(%d)", pragma, problemsMost), nil, func(row Scanner) error {
		var problem string
		err := row.Scan(&problem)
		if problem != "ok" {
			report(problem)
		}
		return err
	})
	if err != nil {
		return err
	}
	n := 0
	return db.Rows(ctx, `SELECT "table", COALESCE(rowid, 0), parent FROM pragma_foreign_key_check`, nil, func(row Scanner) error {
		var table, parent string
		var id int64
		err := row.Scan(&table, &id, &parent)
		if n++; n <= problemsMost {
			report(fmt.Sprintf("row %d of table %s refers to a row of table %s that is not there", id, table, parent))
		}
		return err
	})
}

// IsCorrupt reports whether err says that the database could not read its own files.
func IsCorrupt(err error) bool {
	var lite *sqlitedriver.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqlite3.SQLITE_CORRUPT || lite.Code()&0xff == sqlite3.SQLITE_NOTADB
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "XX001" || pg.Code == "XX002")
}
