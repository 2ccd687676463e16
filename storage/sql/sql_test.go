package sql_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

var steps = fstest.MapFS{"00001_first.sql": {Data: []byte("-- +goose Up\nCREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BYTEA, on_off BOOLEAN NOT NULL);\n")}}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(t.Context(), "test", steps); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestWritesOfManyAtOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		var wg sync.WaitGroup
		refused := errors.New("refused")
		for i := range 60 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				err := db.Write(t.Context(), func(tx *sql.Tx) error {
					if _, err := tx.Exec(`INSERT INTO thing (id, name, data, on_off) VALUES ($1, $2, $3, $4)`, i, fmt.Sprint("n", i), []byte{byte(i)}, i%2 == 0); err != nil {
						return err
					}
					if i%3 == 0 {
						return refused
					}
					return nil
				})
				if (i%3 == 0) != errors.Is(err, refused) || i%3 != 0 && err != nil {
					t.Errorf("write %d: %v", i, err)
				}
			}()
		}
		wg.Wait()
		n := 0
		err := db.Rows(t.Context(), `SELECT id, data, on_off FROM thing ORDER BY id`, nil, func(row sql.Scanner) error {
			var id int64
			var data []byte
			var even bool
			if err := row.Scan(&id, &data, &even); err != nil {
				return err
			}
			if id%3 == 0 || data[0] != byte(id) || even != (id%2 == 0) {
				t.Errorf("row %d %v %v: a write that failed left it, or it came back changed", id, data, even)
			}
			n++
			return nil
		})
		if err != nil || n != 40 {
			t.Errorf("%d rows, %v; want the 40 of the writes that succeeded", n, err)
		}
	})
}

// A write whose statement failed leaves nothing, even when it goes on: SQLite ends a transaction by itself when its disk fails, as this trigger does, and each statement
// after that would be durable on its own (I5, F06).
func TestStatementsAfterOneThatFailed(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		fail := `INSERT INTO thing (id, name, on_off) VALUES (1, 'first', true)`
		if !db.Shared() {
			fail = `INSERT INTO thing (id, name, on_off) VALUES (2, 'disk fails', true)`
			err := db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec(`CREATE TRIGGER disk BEFORE INSERT ON thing WHEN NEW.name = 'disk fails' BEGIN SELECT RAISE(ROLLBACK, 'the disk failed'); END`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		told := false
		err := db.Write(t.Context(), func(tx *sql.Tx) error {
			tx.AfterCommit(func() { told = true })
			if _, err := tx.Exec(`INSERT INTO thing (id, name, on_off) VALUES (1, 'first', true)`); err != nil {
				return err
			}
			_, failed := tx.Exec(fail)
			if failed == nil {
				t.Error("the statement did not fail")
			}
			if _, err := tx.Exec(`INSERT INTO thing (id, name, on_off) VALUES (3, 'after', true)`); !errors.Is(err, failed) {
				t.Errorf("the statement after it: %v; want %v", err, failed)
			}
			var n int
			if err := tx.Row(`SELECT count(*) FROM thing`, nil, &n); !errors.Is(err, failed) {
				t.Errorf("the query after it: %v; want %v", err, failed)
			}
			return nil
		})
		if err == nil || told {
			t.Errorf("the write: %v, caches were told %t; want an error, and that none is", err, told)
		}
		var n int
		if err := db.Row(t.Context(), `SELECT count(*) FROM thing`, nil, &n); err != nil || n != 0 {
			t.Errorf("%d rows are there, %v; want none", n, err)
		}
		err = db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO thing (id, name, on_off) VALUES (4, 'next', true)`)
			return err
		})
		if err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

func TestDuplicateAndNoRows(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		insert := func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO thing (id, name, on_off) VALUES (1, 'a', true)`)
			return err
		}
		if err := db.Write(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), insert); !sql.IsDuplicate(err) {
			t.Errorf("second insert: %v, want a duplicate", err)
		}
		var id int64
		if err := db.Row(t.Context(), `SELECT id FROM thing WHERE name = $1`, sql.Args("b"), &id); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("absent row: %v", err)
		}
	})
}

// A read, change and write back by many goroutines at once loses none: transactions are as if alone.
func TestSerializable(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		if err := db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO thing (id, name, on_off) VALUES (1, '0', true)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 5 {
					err := db.Write(t.Context(), func(tx *sql.Tx) error {
						var n int
						var text string
						if err := tx.Row(`SELECT name FROM thing WHERE id = 1`, nil, &text); err != nil {
							return err
						}
						fmt.Sscan(text, &n)
						_, err := tx.Exec(`UPDATE thing SET name = $1 WHERE id = 1`, fmt.Sprint(n+1))
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			}()
		}
		wg.Wait()
		var text string
		if err := db.Row(t.Context(), `SELECT name FROM thing WHERE id = 1`, nil, &text); err != nil || text != "40" {
			t.Errorf("count %s, %v; want 40", text, err)
		}
	})
}

func TestPanicInAWriteFailsThatWriteAlone(t *testing.T) {
	db := open(t, sqltest.SQLite(t))
	if err := db.Write(t.Context(), func(*sql.Tx) error { panic("boom") }); err == nil {
		t.Error("no error")
	}
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO thing (id, name, on_off) VALUES (1, 'a', true)`)
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestWriteAfterCloseIsUnavailable(t *testing.T) {
	db, err := sql.Open(context.Background(), sqltest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if err := db.Write(t.Context(), func(*sql.Tx) error { return nil }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

// A change is seen at once by the node that made it, and within a second by another node on the same PostgreSQL.
func TestEpoch(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		here := db.Epoch("thing")
		waitCurrent(t, here)
		s := here.Stamp("k")
		if !here.Current("k", s) {
			t.Fatal("a fresh stamp is not current")
		}
		var there *sql.Epoch
		var other sql.Stamp
		if db.Shared() {
			two := open(t, dsn)
			there = two.Epoch("thing")
			waitCurrent(t, there)
			other = there.Stamp("k")
		}
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return tx.Changed(here, "k") }); err != nil {
			t.Fatal(err)
		}
		if here.Current("k", s) {
			t.Error("the node that made the change still uses what it cached")
		}
		for there != nil && there.Current("k", other) {
			time.Sleep(10 * time.Millisecond) // the test's own time limit is the only clock
		}
	})
}

func waitCurrent(t *testing.T, e *sql.Epoch) {
	for e.Stamp("k") == 0 {
		if t.Context().Err() != nil {
			t.Fatal("never current")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		newer := fstest.MapFS{"00001_first.sql": steps["00001_first.sql"], "00002_second.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (id BIGINT PRIMARY KEY);\n")}}
		if err := db.Migrate(t.Context(), "test", newer); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), "test", steps); err == nil {
			t.Error("an older program opened a newer database")
		}
	})
}

func BenchmarkDurableWrites(b *testing.B) {
	db, err := sql.Open(b.Context(), sqltest.SQLite(b))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(b.Context(), "test", steps); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := db.Write(b.Context(), func(tx *sql.Tx) error {
				id := sql.NewID(time.Now())
				_, err := tx.Exec(`INSERT INTO thing (id, name, on_off) VALUES ($1, $2, true)`, id, fmt.Sprint(id))
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A DSN names a file of SQLite or PostgreSQL, and what is neither is refused before anything is made.
func TestFile(t *testing.T) {
	for dsn, want := range map[string]string{
		"berth.db": "berth.db", "sqlite:/var/lib/berth.db": "/var/lib/berth.db", "postgres://u@h/d": "", "postgresql://u@h/d": "",
		"postgres:berth.db": "postgres:berth.db", "postgres": "postgres",
	} {
		if got, err := sql.File(dsn); got != want || err != nil {
			t.Errorf("%s: %q %v, want %q", dsn, got, err, want)
		}
	}
	for _, dsn := range []string{"", "sqlite:", "mysql://u@h/d", "://", "sqlite:///berth.db"} {
		if got, err := sql.File(dsn); err == nil {
			t.Errorf("%q: %q", dsn, got)
		}
		if db, err := sql.Open(t.Context(), dsn); err == nil {
			db.Close() //nolint:errcheck // it should not be open
			t.Errorf("%q was opened", dsn)
		}
	}
}
