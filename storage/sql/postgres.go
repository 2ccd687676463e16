package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
)

// patience bounds how long a transaction is run again because of others beside it. Clients do not repeat the push of a manifest by themselves, so it is
// better that one waits than that it is refused.
const patience = 15 * time.Second

// writePostgres runs f as a serializable transaction: PostgreSQL then answers as if transactions had run one after the other, which is what f was
// written for, or says that it must run again. It answers how often it did.
func (db *DB) writePostgres(ctx context.Context, f func(tx *Tx) error) (again int, err error) {
	begin := time.Now()
	for n := 0; ; n++ {
		if err := db.there(); err != nil {
			return n, err
		}
		after, err := db.tryPostgres(ctx, f)
		if err == nil {
			db.measured.commit(1, time.Since(begin))
			for _, f := range after {
				f()
			}
			return n, nil
		}
		if !mustRunAgain(err) {
			return n, classify(err)
		}
		db.measured.again.Inc()
		if time.Since(begin) > patience {
			return n, fault.Wrap(err, fault.Unavailable, "the registry's database is busy; try again")
		}
		select {
		case <-time.After(rand.N(2 * time.Millisecond << min(n, 7))):
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}

func (db *DB) tryPostgres(ctx context.Context, f func(tx *Tx) error) ([]func(), error) {
	t, err := db.pool.BeginTx(ctx, &stdsql.TxOptions{Isolation: stdsql.LevelSerializable})
	if err != nil {
		return nil, unavailable(err)
	}
	defer t.Rollback() //nolint:errcheck // after a commit it does nothing
	tx := &Tx{ctx: ctx, db: db, tx: t}
	err = f(tx)
	if tx.failed != nil && (err == nil || mustRunAgain(tx.failed)) {
		err = tx.failed
	}
	if err != nil {
		return nil, err
	}
	return tx.after, t.Commit()
}

// Bytewise makes text columns, named "table.column", be compared by their bytes, as SQLite does: PostgreSQL compares in the order of the database's
// language, where "a-c" may come before "ab", and a list in such an order is not what a client of a registry expects (HTTP-26). It changes nothing on SQLite,
// and nothing the second time.
func (db *DB) Bytewise(ctx context.Context, columns ...string) error {
	if db.dialect != postgres {
		return nil
	}
	for _, name := range columns {
		table, column, _ := strings.Cut(name, ".")
		var collation string
		if err := db.Row(ctx, `SELECT COALESCE(collation_name, '') FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1 AND column_name = $2`,
			Args(table, column), &collation); err != nil {
			return fmt.Errorf("collation of %s: %w", name, err)
		}
		if collation == "C" {
			continue
		}
		if _, err := db.pool.ExecContext(ctx, `ALTER TABLE `+table+` ALTER COLUMN `+column+` TYPE TEXT COLLATE "C"`); err != nil {
			return fmt.Errorf("collation of %s: %w", name, err)
		}
	}
	return nil
}

// exclusive is the number of the advisory lock of Exclusively; it has no meaning but to be the same on every node.
const exclusive = 7_241_522_003

// Exclusively runs f while no other node runs one: nodes that start at once must not make the same tables, or two first accounts. On SQLite this process
// is alone anyway.
func (db *DB) Exclusively(ctx context.Context, f func() error) error {
	if db.dialect != postgres {
		return f()
	}
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, exclusive); err != nil {
		return classify(err)
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, exclusive) //nolint:errcheck // a broken connection has let go of it
	return f()
}
