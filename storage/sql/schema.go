package sql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// kind is the type of a column: one of the four that both databases have.
type kind uint8

const (
	text kind = iota + 1
	integer
	boolean
	octets
)

var kinds = map[string]kind{"text": text, "bigint": integer, "boolean": boolean, "bytea": octets} // by the names of both dialects, in lower case

type column struct {
	name string
	kind kind
}

// tables are the names of the tables whose rows are worth something in another database, and of those that hold the versions of parts: these are made there by the
// migrations. Epochs are neither: they are for the caches of nodes that run on this one.
func (tx *Tx) tables() (names, versions []string, err error) {
	query := `SELECT t.name, EXISTS (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'is_applied') FROM sqlite_master t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\'`
	if tx.db.dialect == postgres {
		query = `SELECT CAST(t.tablename AS TEXT), EXISTS (SELECT 1 FROM information_schema.columns c WHERE c.table_schema = current_schema() AND c.table_name = t.tablename
			AND c.column_name = 'is_applied') FROM pg_tables t WHERE t.schemaname = current_schema()`
	}
	err = tx.Rows(query, nil, func(row Scanner) error {
		var name string
		var version bool
		err := row.Scan(&name, &version)
		switch {
		case version:
			versions = append(versions, name)
		case name != "epoch":
			names = append(names, name)
		}
		return err
	})
	slices.Sort(names)
	return names, versions, err
}

// columns are those of a table, by name.
func (tx *Tx) columns(table string) (list []column, err error) {
	query := `SELECT name, type FROM pragma_table_info($1)`
	if tx.db.dialect == postgres {
		query = `SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`
	}
	err = tx.Rows(query, Args(table), func(row Scanner) error {
		var c column
		var declared string
		if err := row.Scan(&c.name, &declared); err != nil {
			return err
		}
		if c.kind = kinds[strings.ToLower(declared)]; c.kind == 0 {
			return fmt.Errorf("table %s: column %s has the type %s, which is not one of both databases", table, c.name, declared)
		}
		list = append(list, c)
		return nil
	})
	slices.SortFunc(list, func(a, b column) int { return strings.Compare(a.name, b.name) })
	return list, err
}

// parents are the tables that rows of a table refer to.
func (tx *Tx) parents(table string) (names []string, err error) {
	query := `SELECT DISTINCT "table" FROM pragma_foreign_key_list($1)`
	if tx.db.dialect == postgres {
		query = `SELECT DISTINCT CAST(p.relname AS TEXT) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
			JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'f' AND n.nspname = current_schema() AND c.relname = $1`
	}
	err = tx.Rows(query, Args(table), func(row Scanner) error {
		var name string
		err := row.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// inOrder sorts tables so that each comes after those that its rows refer to.
func (tx *Tx) inOrder(tables []string) (sorted []string, err error) {
	done := map[string]bool{}
	var visit func(table string) error
	visit = func(table string) error {
		if done[table] || !slices.Contains(tables, table) {
			return nil
		}
		done[table] = true
		parents, err := tx.parents(table)
		if err != nil {
			return err
		}
		slices.Sort(parents)
		for _, p := range parents {
			if err := visit(p); err != nil {
				return err
			}
		}
		sorted = append(sorted, table)
		return nil
	}
	for _, table := range tables {
		if err := visit(table); err != nil {
			return nil, err
		}
	}
	return sorted, nil
}

// quoted is a name as a statement has it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// versions are at which versions the parts are that a database has, by the tables that hold them.
func (tx *Tx) versions(tables []string) (map[string]int64, error) {
	found := map[string]int64{}
	for _, table := range tables {
		var v int64
		if err := tx.Row(`SELECT COALESCE(max(version_id), 0) FROM `+quoted(table), nil, &v); err != nil {
			return nil, err
		}
		found[strings.TrimSuffix(table, "_version")] = v
	}
	return found, nil
}

// Versions says at which version each part of the database is, by the part's name. A part that it does not have is not there.
func (db *DB) Versions(ctx context.Context) (found map[string]int64, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		_, tables, err := tx.tables()
		if err == nil {
			found, err = tx.versions(tables)
		}
		return err
	})
	return found, err
}

// Current fails if the database is not at the versions of its parts that this program has: its tables are not those that the program's statements are about.
func (db *DB) Current(ctx context.Context, parts []Part) error {
	if err := db.Known(ctx, parts); err != nil {
		return err
	}
	have, err := db.Versions(ctx)
	if err != nil {
		return err
	}
	for _, p := range parts {
		newest, err := p.newest()
		if err != nil {
			return err
		}
		if have[p.Name] < newest {
			return fmt.Errorf("the database is at version %d of %s, made by an older berth; this one needs %d: let it serve the installation once, or run the older program", have[p.Name], p.Name, newest)
		}
	}
	return nil
}

// Known fails if the database has a part, or a version of one, that this program does not know: it was made by a newer one.
func (db *DB) Known(ctx context.Context, parts []Part) error {
	have, err := db.Versions(ctx)
	if err != nil {
		return err
	}
	for _, p := range parts {
		newest, err := p.newest()
		if err != nil {
			return err
		}
		if have[p.Name] > newest {
			return fmt.Errorf("the database is at version %d of %s, made by a newer berth; this one knows up to %d: run the newer program", have[p.Name], p.Name, newest)
		}
		delete(have, p.Name)
	}
	for part := range have {
		return fmt.Errorf("the database has a part %q, which this berth does not know: run the newer program", part)
	}
	return nil
}

// newest is the version to which the steps of a part lead.
func (p Part) newest() (newest int64, err error) {
	files, err := fs.Glob(p.Steps, "migrations/*.sql")
	for _, name := range files {
		number, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("step %s of %s: %w", name, p.Name, err)
		}
		newest = max(newest, n)
	}
	return newest, err
}

// ErrNotEmpty says that there is something where a copy should go.
var ErrNotEmpty = errors.New("database: it is not empty")

// seeded are the tables that migrations put rows into, with spaces between and around them.
const seeded = " collection scrub "

// Empty answers ErrNotEmpty, naming a table, if the database has any row but those that the making of tables leaves: nothing may be copied over it.
func (db *DB) Empty(ctx context.Context) error {
	return db.View(ctx, func(tx *Tx) error {
		tables, _, err := tx.tables()
		if err != nil {
			return err
		}
		for _, table := range tables {
			if strings.Contains(seeded, " "+table+" ") {
				continue
			}
			var some bool
			if err := tx.Row(`SELECT EXISTS (SELECT 1 FROM `+quoted(table)+`)`, nil, &some); err != nil {
				return err
			}
			if some {
				return fmt.Errorf("%w: table %s has rows", ErrNotEmpty, table)
			}
		}
		return nil
	})
}

// bringTo makes the tables of a part as they were at a version.
func (db *DB) bringTo(ctx context.Context, p Part, version int64) error {
	steps, err := fs.Sub(p.Steps, "migrations")
	if err != nil {
		return err
	}
	provider, have, newest, err := db.steps(ctx, p.Name, steps)
	switch {
	case err != nil:
		return err
	case version > newest:
		return fmt.Errorf("migrate %s: version %d was made by a newer berth; this one knows up to %d: run the newer program", p.Name, version, newest)
	case have > version:
		return fmt.Errorf("%w: its tables of %s are at version %d, newer than what is to be copied (%d)", ErrNotEmpty, p.Name, have, version)
	}
	if _, err := provider.UpTo(ctx, version); err != nil {
		return fmt.Errorf("migrate %s: %w", p.Name, err)
	}
	if version < newest {
		return nil // columns may be missing; Bring sees to it when a server starts
	}
	return db.Bytewise(ctx, p.Bytewise...)
}
