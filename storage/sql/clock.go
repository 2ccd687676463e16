package sql

import (
	"context"
	"time"
)

// Now is the database's own time: on PostgreSQL one clock for all nodes, as this one knows it from the last answer and its own steady clock; on SQLite that of this
// machine when the process started, and how long ago that was. It does not follow a node's clock that is set to another time while it runs (F23): what is to happen
// after some time has passed, whichever node sees to it, goes by it.
func (db *DB) Now() time.Time {
	return Time(db.clock.Load() + time.Since(started).Microseconds())
}

const serverTime = `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`

// askTime asks PostgreSQL for its time.
func (db *DB) askTime(ctx context.Context) error {
	var now int64
	if err := db.pool.QueryRowContext(ctx, `SELECT `+serverTime).Scan(&now); err != nil {
		return err
	}
	db.setTime(now)
	db.link.wasAnswered()
	return nil
}

// setTime takes the time that PostgreSQL has just told.
func (db *DB) setTime(now int64) { db.clock.Store(now - time.Since(started).Microseconds()) }
