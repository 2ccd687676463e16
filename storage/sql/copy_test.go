package sql_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// A part whose tables refer to each other against the order of their names, with every type of column.
var things = sql.Part{Name: "things", Bytewise: []string{"box.name"}, Steps: fstest.MapFS{
	"migrations/00001_first.sql": {Data: []byte(`-- +goose Up
CREATE TABLE box (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE a_thing (id BIGINT PRIMARY KEY, box BIGINT NOT NULL REFERENCES box (id), note TEXT, data BYTEA, yes BOOLEAN NOT NULL);
CREATE TABLE box_version (id BIGINT PRIMARY KEY, box BIGINT NOT NULL REFERENCES box (id)); -- named as if it held the version of a part
CREATE TABLE left_behind (id BIGINT PRIMARY KEY);
CREATE TABLE collection (one BIGINT PRIMARY KEY, n BIGINT NOT NULL);
INSERT INTO collection (one, n) VALUES (1, 0);
`)},
	"migrations/00002_second.sql": {Data: []byte("-- +goose Up\nALTER TABLE box ADD COLUMN more TEXT NOT NULL DEFAULT '';\n")},
}}

func fill(t *testing.T, db *sql.DB) {
	t.Helper()
	err := errors.Join(db.Bring(t.Context(), things), db.Write(t.Context(), func(tx *sql.Tx) error {
		for i := range 300 {
			_, err := tx.Exec(`INSERT INTO box (id, name, more) VALUES ($1, $2, 'é"''')`, i, fmt.Sprint("box-", i))
			note, data := any(strings.Repeat("x", i)), any([]byte(strings.Repeat("\x00\xff", i))) // of both the first is empty, and not NULL
			if i%3 == 2 {
				note, data = nil, nil
			}
			if err == nil {
				_, err = tx.Exec(`INSERT INTO a_thing (id, box, note, data, yes) VALUES ($1, $2, $3, $4, $5)`, -i, i, note, data, i%2 == 0)
			}
			if err == nil {
				_, err = tx.Exec(`INSERT INTO box_version (id, box) VALUES ($1, $1)`, i)
			}
			if err == nil {
				_, err = tx.Exec(`INSERT INTO left_behind (id) VALUES ($1)`, i)
			}
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE collection SET n = 7`)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func bare(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// What is copied from either database to either is the same again, all at once or not at all, and never over what is there (F28).
func TestCopy(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		from := bare(t, dsn)
		fill(t, from)
		want, err := from.Tables(t.Context(), "left_behind")
		if err != nil {
			t.Fatal(err)
		}
		if len(want) != 4 || want[0].Rows != 300 {
			t.Fatalf("the original has %+v", want)
		}
		o := sql.CopyOptions{Parts: []sql.Part{things}, Leave: []string{"left_behind"}}
		sqltest.Each(t, func(t *testing.T, dsn string) {
			to, refused := bare(t, dsn), errors.New("refused")
			o := o
			o.Before = func(*sql.Tx) error { return refused }
			if _, err := sql.Copy(t.Context(), from, to, o); !errors.Is(err, refused) {
				t.Fatal(err)
			}
			if err := to.Empty(t.Context()); err != nil {
				t.Errorf("a copy that did not come to its end left rows: %v", err)
			}
			o.Before = func(original *sql.Tx) error {
				var n int64
				return original.Row(`SELECT n FROM collection`, nil, &n)
			}
			o.Settle = []string{`UPDATE collection SET n = 8`}
			copied, err := sql.Copy(t.Context(), from, to, o)
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(copied, func(a, b sql.Table) int { return strings.Compare(a.Name, b.Name) })
			if !slices.Equal(copied, want) {
				t.Errorf("copied %+v of %+v", copied, want)
			}
			var n, left, empty int64
			if err := errors.Join(to.Row(t.Context(), `SELECT n FROM collection`, nil, &n), to.Row(t.Context(), `SELECT count(*) FROM left_behind`, nil, &left),
				to.Row(t.Context(), `SELECT count(*) FROM a_thing WHERE data IS NOT NULL AND note = ''`, nil, &empty)); err != nil {
				t.Fatal(err)
			}
			if n != 8 || left != 0 || empty != 1 {
				t.Errorf("the copy was not settled, has what was to stay, or NULL for what was empty: %d, %d, %d", n, left, empty)
			}
			if _, err := sql.Copy(t.Context(), from, to, o); !errors.Is(err, sql.ErrNotEmpty) {
				t.Errorf("a second copy over the first: %v", err)
			}
			if err := to.Bring(t.Context(), things); err != nil {
				t.Error(err)
			}
		})
		older := things
		older.Steps = fstest.MapFS{"migrations/00001_first.sql": things.Steps.(fstest.MapFS)["migrations/00001_first.sql"]}
		if _, err := sql.Copy(t.Context(), from, bare(t, sqltest.SQLite(t)), sql.CopyOptions{Parts: []sql.Part{older}}); err == nil || !strings.Contains(err.Error(), "made by a newer berth") {
			t.Errorf("an older program copies the database of a newer one: %v", err)
		}
	})
}

// A database of an older version is copied as one of that version, which is brought up to date where it is used.
func TestCopyOfAnOlderVersion(t *testing.T) {
	older := things
	older.Steps = fstest.MapFS{"migrations/00001_first.sql": things.Steps.(fstest.MapFS)["migrations/00001_first.sql"]}
	from, to := bare(t, sqltest.SQLite(t)), bare(t, sqltest.SQLite(t))
	if err := from.Bring(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	if _, err := sql.Copy(t.Context(), from, to, sql.CopyOptions{Parts: []sql.Part{things}}); err != nil {
		t.Fatal(err)
	}
	if v, err := to.Versions(t.Context()); err != nil || v["things"] != 1 {
		t.Errorf("versions %v, %v", v, err)
	}
	if err := to.Bring(t.Context(), things); err != nil {
		t.Error(err)
	}
}

// A copy takes the time that its objects take: PostgreSQL, which ends transactions that stand still, leaves those of a copy alone, on the side that is read and on the one
// that is written (F28).
func TestCopyWaitsForObjects(t *testing.T) {
	const short = "&idle_in_transaction_session_timeout=200"
	from, to, other := bare(t, sqltest.Postgres(t)+short), bare(t, sqltest.Postgres(t)+short), bare(t, sqltest.Postgres(t))
	if err := from.Bring(t.Context(), things); err != nil {
		t.Fatal(err)
	}
	_, err := sql.Copy(t.Context(), from, to, sql.CopyOptions{Parts: []sql.Part{things}, Before: func(original *sql.Tx) error {
		var slept string
		if err := other.Row(t.Context(), `SELECT pg_sleep(0.6)::text`, nil, &slept); err != nil {
			return err
		}
		var n int64
		return original.Row(`SELECT n FROM collection`, nil, &n)
	}})
	if err != nil {
		t.Error(err)
	}
	var n int64
	if err := to.Row(t.Context(), `SELECT n FROM collection`, nil, &n); err != nil {
		t.Error(err)
	}
	var after string // only these transactions are left alone
	if err := to.Write(t.Context(), func(tx *sql.Tx) error {
		return tx.Row(`SELECT current_setting('idle_in_transaction_session_timeout')`, nil, &after)
	}); err != nil || after != "200ms" {
		t.Errorf("after the copy a transaction may stand still for %q, %v", after, err)
	}
}
