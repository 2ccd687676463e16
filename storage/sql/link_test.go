package sql_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// A node that stands still in the middle of a transaction, as one that is paused does, keeps others from its rows for a bounded time, and changes nothing when it goes on (F26).
func TestTransactionThatStandsStill(t *testing.T) {
	dsn := sqltest.Postgres(t) + "&idle_in_transaction_session_timeout=300"
	open := func() *sql.DB {
		db, err := sql.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() }) //nolint:errcheck // the test is over
		return db
	}
	paused, other := open(), open()
	set := func(tx *sql.Tx, n int) error {
		_, err := tx.Exec(`INSERT INTO epoch (name, n) VALUES ('x', $1) ON CONFLICT (name) DO UPDATE SET n = excluded.n`, n)
		return err
	}
	if err := other.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE IF NOT EXISTS epoch (name TEXT PRIMARY KEY, n BIGINT NOT NULL)`); err != nil {
			return err
		}
		return set(tx, 1)
	}); err != nil {
		t.Fatal(err)
	}
	begun, ended, went := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		went <- paused.Write(t.Context(), func(tx *sql.Tx) error {
			if err := set(tx, 2); err != nil || !first {
				return err
			}
			first = false
			close(begun)
			<-ended
			return nil
		})
	}()
	<-begun
	if err := other.Write(t.Context(), func(tx *sql.Tx) error { return set(tx, 3) }); err != nil {
		t.Errorf("beside a transaction that stands still: %v", err)
	}
	close(ended)
	if err := <-went; !fault.Is(err, fault.Unavailable) {
		t.Errorf("the transaction that stood still: %v", err)
	}
	var n int
	if err := other.Row(t.Context(), `SELECT n FROM epoch WHERE name = 'x'`, nil, &n); err != nil || n != 3 {
		t.Errorf("%d, %v: the transaction that stood still has changed something", n, err)
	}
}

// What is acknowledged is on the disk, also where the database was told to answer before (I1, F14).
func TestCommitsWaitForTheDisk(t *testing.T) {
	for set, want := range map[string]string{"off": "on", "remote_apply": "remote_apply"} {
		db, err := sql.Open(t.Context(), sqltest.Postgres(t)+"&synchronous_commit="+set)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() }) //nolint:errcheck // the test is over
		var is string
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return tx.Row(`SELECT current_setting('synchronous_commit')`, nil, &is) }); err != nil || is != want {
			t.Errorf("synchronous_commit = %s: a write has %s, %v; want %s", set, is, err, want)
		}
	}
}

// Whether a node is fit for requests does not depend on how many it has: an overload would else take all nodes out, one after the other (F14).
func TestPingBesideAnOverload(t *testing.T) {
	db, err := sql.Open(t.Context(), sqltest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Bring(t.Context(), things); err != nil {
		t.Fatal(err)
	}
	var begun, ended sync.WaitGroup
	end := make(chan struct{})
	for range 32 { // as many as there are connections
		begun.Add(1)
		ended.Go(func() {
			first := sync.OnceFunc(begun.Done)
			defer first()
			if err := db.View(t.Context(), func(tx *sql.Tx) error {
				first()
				<-end
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := db.Ping(ctx); err != nil {
		t.Errorf("a node whose connections are all in use: %v", err)
	}
	close(end)
	ended.Wait()
}
