package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/berth-registry/berth/fault"
)

const (
	// awayAfter is how long PostgreSQL may leave a question about epochs unanswered before it counts as away: requests that wait for it then end, and new ones do not begin (F14, F26).
	awayAfter = 10 * time.Second
	// connectTime bounds the making of a connection.
	connectTime = 5 * time.Second
	// pollTime bounds a question about epochs, with the connection that it may need.
	pollTime = 2 * time.Second
	// aloneMost is how long PostgreSQL lets a transaction wait for its node. It then undoes it: a node that is paused, or cut off, must not keep others from the rows that it
	// was changing, nor go on with what it had begun when it wakes up (F26).
	aloneMost = "10s"
)

// durably makes commits of a connection wait for the disk, where a setting of the server, the database or the user would let them answer before: what was acknowledged in the
// last moments would go with the power. Other values than off wait for the disk, and for replicas. A database that does not know the setting answers no row.
const durably = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit', true) = 'off'`

// link is what leads to PostgreSQL: the connections of the pool, and one more by which the node asks for epochs, so that it does not wait for a connection behind all others.
type link struct {
	poll     *stdsql.DB
	answered atomic.Int64 // when the last question was answered, nanoseconds since start

	mu    sync.Mutex
	conns map[*linkConn]bool // of the pool
	last  error              // of the last question about epochs
	next  chan struct{}      // closed when the one after it has its answer
}

// linkConn is a connection that its link knows.
type linkConn struct {
	net.Conn
	of *link
}

// Close is net.Conn's.
func (c *linkConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// openLink prepares connections to PostgreSQL, and makes none.
func openLink(dsn string) (l *link, pool *stdsql.DB, err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("database: %w", err) // pgx leaves the password out of what it says
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTime
	}
	dialer := &net.Dialer{Timeout: config.ConnectTimeout, KeepAlive: connectTime}
	config.DialFunc = dialer.DialContext
	l = &link{conns: map[*linkConn]bool{}, next: make(chan struct{})}
	l.wasAnswered() // it has not been asked yet
	l.poll = stdlib.OpenDB(*config)
	l.poll.SetMaxOpenConns(1)

	ofPool := config.Copy()
	ofPool.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if l.away() { // those who wait for a connection would each wait for one that is not made
			return nil, errors.New("PostgreSQL does not answer")
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &linkConn{conn, l}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns[c] = true
		return c, nil
	}
	_, set := config.RuntimeParams["idle_in_transaction_session_timeout"]
	pool = stdlib.OpenDB(*ofPool, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		if !set { // not as a parameter of the connection, which poolers refuse; databases that do not know it have their own ways
			_, _ = c.Exec(ctx, `SET idle_in_transaction_session_timeout = '`+aloneMost+`'`)
		}
		if _, err := c.Exec(ctx, durably); err != nil {
			return fmt.Errorf("that commits wait for the disk cannot be set: %w", err)
		}
		return nil
	}))
	pool.SetMaxOpenConns(32)
	pool.SetMaxIdleConns(16)
	return l, pool, nil
}

// mayStandStill lets this transaction wait for as long as it must: one that copies a database waits for the other database, and for objects. Nobody else changes the rows that
// it changes, and what it reads is held by no lock. A database that does not know the setting answers no row.
func (tx *Tx) mayStandStill() error {
	if tx.db.dialect != postgres {
		return nil
	}
	_, err := tx.Exec(`SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'`)
	return err
}

// wasAnswered notes that PostgreSQL answers.
func (l *link) wasAnswered() { l.answered.Store(int64(time.Since(started))) }

// told notes how a question about epochs ended.
func (l *link) told(err error) {
	if err == nil {
		l.wasAnswered()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = err
	close(l.next)
	l.next = make(chan struct{})
}

// ping waits for the answer to the next question about epochs, and after one that failed, as the first over a broken connection does, for another. It asks nothing itself: who
// asks a node whether it is ready costs the database nothing, and does not stand in line behind all requests. The error is nil, ctx's, or that of the second question.
func (l *link) ping(ctx context.Context) error {
	var err error
	for range 2 {
		l.mu.Lock()
		next := l.next
		l.mu.Unlock()
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
		l.mu.Lock()
		err = l.last
		l.mu.Unlock()
		if err == nil {
			break
		}
	}
	return err
}

// away reports whether PostgreSQL does not answer.
func (l *link) away() bool {
	return l != nil && int64(time.Since(started))-l.answered.Load() > int64(awayAfter)
}

// cut ends what waits for PostgreSQL.
func (l *link) cut() {
	l.mu.Lock()
	conns := make([]*linkConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// there fails with Unavailable while PostgreSQL is away: a request that waited for it would wait with all others, and serve nobody.
func (db *DB) there() error {
	if db.link.away() {
		return fault.New(fault.Unavailable, "the registry's database does not answer; try again")
	}
	return nil
}

// warnOfDisk says what no connection can set: that the server itself does not wait for its disk.
func (db *DB) warnOfDisk(ctx context.Context) error {
	var off string
	err := db.Row(ctx, `SELECT COALESCE(string_agg(name, ' and '), '') FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'`, nil, &off)
	if err != nil || off == "" {
		return err
	}
	slog.WarnContext(ctx, "PostgreSQL is not durable: after a power cut what was acknowledged may be gone, or nothing may be readable; set to on what is off", "off", off)
	return nil
}
