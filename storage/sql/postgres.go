package sql

import (
	"context"
	stdsql "database/sql"
	"math/rand/v2"
	"time"

	"github.com/berth-registry/berth/fault"
)

// attempts bounds how often a transaction is run again because of others beside it; the waits between add up to about two seconds.
const attempts = 12

// writePostgres runs f as a serializable transaction: PostgreSQL then answers as if transactions had run one after the other, which is what f was
// written for, or says that it must run again.
func (db *DB) writePostgres(ctx context.Context, f func(tx *Tx) error) error {
	for n := 0; ; n++ {
		after, err := db.tryPostgres(ctx, f)
		if err == nil {
			for _, f := range after {
				f()
			}
			return nil
		}
		if !mustRunAgain(err) {
			return classify(err)
		}
		if n == attempts {
			return fault.Wrap(err, fault.Unavailable, "the registry's database is busy; try again")
		}
		select {
		case <-time.After(rand.N(time.Millisecond << min(n+1, 9))):
		case <-ctx.Done():
			return ctx.Err()
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
	if err := f(tx); err != nil {
		return nil, err
	}
	return tx.after, t.Commit()
}
