// Package sql is berth's one way to a database: the same SQL text on SQLite (one machine) and on PostgreSQL (many nodes).
//
// A write is a function that runs as if it were alone (serializable) and is durable when Write returns. On SQLite the writes of all goroutines
// go through one connection and share commits: as many as wait while one commit reaches the disk go out together with the next, so that durable
// pushes cost a share of an fsync and not one each. On PostgreSQL each write is a transaction of its own, run again when the database says so.
//
// Statements use what both dialects share: $1 parameters, RETURNING, ON CONFLICT, row values, and the types TEXT, BIGINT, BOOLEAN, BYTEA.
// Times are BIGINT microseconds since 1970 in UTC.
package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/turn"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect dialect
	pool    *stdsql.DB // SQLite: readers only
	writer  *writer    // SQLite only
	link    *link      // PostgreSQL only
	stmts   sync.Map   // query text -> *stdsql.Stmt of pool (SQLite; pgx keeps its own)

	clock atomic.Int64 // the database's time when this process started, microseconds

	failed  chan struct{} // see Failed
	failure atomic.Pointer[error]

	measured *measured

	mu     sync.Mutex
	epochs map[string]*Epoch
	stop   context.CancelFunc
	done   chan struct{}
}

type dialect uint8

const (
	sqlite dialect = iota
	postgres
)

// File is the SQLite file that dsn names ("sqlite:PATH", or a bare path), empty for a database of PostgreSQL ("postgres://…"). The error is of a dsn that is neither.
func File(dsn string) (path string, err error) {
	scheme, _, isURL := strings.Cut(dsn, "://")
	path = strings.TrimPrefix(dsn, "sqlite:")
	switch {
	case scheme == "postgres" && isURL, scheme == "postgresql" && isURL:
		return "", nil
	case !isURL && path != "":
		return path, nil
	}
	return "", errors.New("a database is postgres://… or a file for SQLite")
}

// Open opens the database that dsn names (File). It makes a missing SQLite file.
// Commits are durable: SQLite's connections are asked whether they are (WAL, synchronous=FULL), PostgreSQL's are told to be (synchronous_commit), and Open fails otherwise.
// That PostgreSQL does not wait for its disk at all (fsync=off) is only warned of.
func Open(ctx context.Context, dsn string) (*DB, error) {
	file, err := File(dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	db := &DB{epochs: map[string]*Epoch{}, done: make(chan struct{}), measured: newMeasured(), failed: make(chan struct{})}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	db.stop = stop
	if file == "" {
		if db.link, db.pool, err = openLink(dsn); err != nil {
			stop()
			return nil, err
		}
		db.dialect = postgres
		err = db.askTime(ctx)
		if err == nil {
			err = db.warnOfDisk(ctx)
		}
		if err != nil {
			stop()
			return nil, fmt.Errorf("database: PostgreSQL does not answer: %w", err)
		}
		go db.pollEpochs(run)
		return db, nil
	}
	if err := db.openSQLite(ctx, file); err != nil {
		stop()
		return nil, err
	}
	db.clock.Store(started.UnixMicro())
	close(db.done)
	return db, nil
}

// Close ends the database after the writes that have begun.
func (db *DB) Close() error {
	db.stop()
	<-db.done
	if db.writer != nil {
		db.writer.close()
	}
	if db.link != nil {
		return errors.Join(db.link.poll.Close(), db.pool.Close())
	}
	return db.pool.Close()
}

// Ping reports whether the database answers, and can be trusted: see Failed. On PostgreSQL it waits for the next answer that this node gets anyway, some four times a second.
func (db *DB) Ping(ctx context.Context) error {
	if err := errors.Join(db.Err(), db.there()); err != nil {
		return err
	}
	if db.link != nil {
		return db.link.ping(ctx)
	}
	return db.pool.PingContext(ctx)
}

// Shared reports whether other nodes may write to this database: then nothing of it may be cached except under an Epoch.
func (db *DB) Shared() bool { return db.dialect == postgres }

// Tx is one transaction. It is valid only inside the function that got it, and on one goroutine.
type Tx struct {
	ctx     context.Context
	db      *DB
	prepare func(query string) (*stdsql.Stmt, error) // SQLite: statements prepared once on the connection
	tx      *stdsql.Tx                               // PostgreSQL
	after   []func()
	failed  error // of a statement: the transaction is over, and each further one answers it
}

// Write runs f in a transaction and returns when its changes are durable. f may run more than once, so it must not change what outlives it except
// through AfterCommit; it must not wait for the network or a client: on SQLite it holds up every other write.
// An error of f undoes the transaction and is returned as it is; so does that of a statement, whatever f makes of it, and the statements after it do nothing.
// A database that is busy, full or away is fault Unavailable.
func (db *DB) Write(ctx context.Context, f func(tx *Tx) error) error {
	ctx, span := db.begin(ctx, "sql.write", "")
	var err error
	t := turn.Of(ctx)
	paused := t.Pause() // it waits for the disk, or for PostgreSQL
	switch {
	case db.writer != nil:
		var together int
		together, err = db.writer.do(ctx, t.Account(), f)
		span.Number("berth.sql.together", int64(together))
	case db.dialect == sqlite:
		err = errors.New("database: it was opened to be read only")
	default:
		var again int
		again, err = db.writePostgres(ctx, f)
		span.Number("berth.sql.again", int64(again))
	}
	t.Resume(paused)
	end(span, err)
	return err
}

// pause gives up the turn of a request for a read that waits for the network; SQLite's are work of this process.
func (db *DB) pause(ctx context.Context) (t *turn.Turn, paused bool) {
	if db.dialect == sqlite {
		return nil, false
	}
	t = turn.Of(ctx)
	return t, t.Pause()
}

// View runs f on one snapshot, for reads that must agree with each other.
func (db *DB) View(ctx context.Context, f func(tx *Tx) error) error {
	ctx, span := db.begin(ctx, "sql.view", "")
	t, paused := db.pause(ctx)
	err := db.view(ctx, f)
	t.Resume(paused)
	end(span, err)
	return err
}

func (db *DB) view(ctx context.Context, f func(tx *Tx) error) error {
	if err := db.there(); err != nil {
		return err
	}
	opts := &stdsql.TxOptions{ReadOnly: true}
	if db.dialect == postgres {
		opts.Isolation = stdsql.LevelRepeatableRead
	}
	t, err := db.pool.BeginTx(ctx, opts)
	if err != nil {
		return unavailable(err)
	}
	defer t.Rollback() //nolint:errcheck // a read has nothing to undo
	tx := &Tx{ctx: ctx, db: db, tx: t}
	if db.dialect == sqlite {
		// Reading a statement's text costs SQLite more than running it: those that are at hand are used again.
		tx.prepare = func(query string) (*stdsql.Stmt, error) {
			s, err := db.stmt(query)
			if err != nil {
				return nil, err
			}
			return t.StmtContext(ctx, s), nil
		}
	}
	return f(tx)
}

// AfterCommit runs f once the transaction is durable and before Write returns: caches are told there.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// fails notes the error of a statement. SQLite ends the whole transaction by itself when its disk fails, and would commit each further statement on its own; PostgreSQL
// refuses them, and does not say any more that the transaction is to be run again.
func (tx *Tx) fails(err error) error {
	if err != nil && !errors.Is(err, ErrNoRows) && tx.failed == nil {
		tx.failed = err
	}
	return err
}

// Exec runs a statement and returns the number of rows that it changed.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	if tx.failed != nil {
		return 0, tx.failed
	}
	var res stdsql.Result
	var err error
	if tx.prepare != nil {
		var s *stdsql.Stmt
		if s, err = tx.prepare(query); err == nil {
			res, err = s.ExecContext(tx.ctx, args...)
		}
	} else {
		res, err = tx.tx.ExecContext(tx.ctx, query, args...)
	}
	if err != nil {
		return 0, tx.fails(classify(err))
	}
	return res.RowsAffected()
}

// Row runs a query for one row and scans it into dest. No row is ErrNoRows.
func (tx *Tx) Row(query string, args []any, dest ...any) error {
	if tx.failed != nil {
		return tx.failed
	}
	if tx.prepare != nil {
		s, err := tx.prepare(query)
		if err != nil {
			return tx.fails(classify(err))
		}
		return tx.fails(classify(s.QueryRowContext(tx.ctx, args...).Scan(dest...)))
	}
	return tx.fails(classify(tx.tx.QueryRowContext(tx.ctx, query, args...).Scan(dest...)))
}

// Rows runs a query and calls scan for each row; scan reads the row's columns with its argument. An error of scan ends it and is no failure of the transaction.
func (tx *Tx) Rows(query string, args []any, scan func(row Scanner) error) error {
	if tx.failed != nil {
		return tx.failed
	}
	var rows *stdsql.Rows
	var err error
	if tx.prepare != nil {
		var s *stdsql.Stmt
		if s, err = tx.prepare(query); err == nil {
			rows, err = s.QueryContext(tx.ctx, args...)
		}
	} else {
		rows, err = tx.tx.QueryContext(tx.ctx, query, args...)
	}
	if err != nil {
		return tx.fails(classify(err))
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return tx.fails(classify(rows.Err()))
}

// Scanner reads the columns of one row.
type Scanner interface{ Scan(dest ...any) error }

// ErrNoRows is what Row answers when the query has none.
var ErrNoRows = stdsql.ErrNoRows

// Args gathers the parameters of a query.
func Args(args ...any) []any { return args }

// Row runs a query for one row outside a transaction and scans it into dest. No row is ErrNoRows.
func (db *DB) Row(ctx context.Context, query string, args []any, dest ...any) error {
	ctx, span := db.begin(ctx, "sql.read", query)
	t, paused := db.pause(ctx)
	err := db.row(ctx, query, args, dest)
	t.Resume(paused)
	end(span, err)
	return err
}

func (db *DB) row(ctx context.Context, query string, args, dest []any) error {
	if err := db.there(); err != nil {
		return err
	}
	if db.dialect == postgres {
		return classify(db.pool.QueryRowContext(ctx, query, args...).Scan(dest...))
	}
	s, err := db.stmt(query)
	if err != nil {
		return classify(err)
	}
	// A context that can be cancelled makes the driver start a goroutine for each statement; a read by key is over before a client could cancel it.
	return classify(s.QueryRowContext(context.WithoutCancel(ctx), args...).Scan(dest...))
}

// Rows runs a query outside a transaction and calls scan for each row.
func (db *DB) Rows(ctx context.Context, query string, args []any, scan func(row Scanner) error) error {
	ctx, span := db.begin(ctx, "sql.read", query)
	t, paused := db.pause(ctx)
	err := db.rows(ctx, query, args, scan)
	t.Resume(paused)
	end(span, err)
	return err
}

func (db *DB) rows(ctx context.Context, query string, args []any, scan func(row Scanner) error) error {
	if err := db.there(); err != nil {
		return err
	}
	if db.dialect == postgres {
		rows, err := db.pool.QueryContext(ctx, query, args...)
		return each(rows, err, scan)
	}
	s, err := db.stmt(query)
	if err != nil {
		return classify(err)
	}
	rows, err := s.QueryContext(ctx, args...)
	return each(rows, err, scan)
}

func (db *DB) stmt(query string) (*stdsql.Stmt, error) {
	if s, ok := db.stmts.Load(query); ok {
		return s.(*stdsql.Stmt), nil
	}
	s, err := db.pool.Prepare(query)
	if err != nil {
		return nil, err
	}
	if prior, loaded := db.stmts.LoadOrStore(query, s); loaded {
		s.Close() //nolint:errcheck // the other goroutine's statement serves
		return prior.(*stdsql.Stmt), nil
	}
	return s, nil
}

func each(rows *stdsql.Rows, err error, scan func(row Scanner) error) error {
	if err != nil {
		return classify(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return classify(rows.Err())
}

// NewID returns a number for a new row: ordered by time (the millisecond since 2020, then 22 random bits; until 2089). Rows that refer to it stay right
// when another row later takes the same name. Two of the same millisecond are equal once in four million times, which a busy registry sees within hours:
// see InsertNew.
func NewID(now time.Time) int64 { return FirstID(now) | int64(random22()) }

// InsertNew calls insert with new ids until one makes a row: insert is an INSERT with ON CONFLICT DO NOTHING, and returns how many rows it made. It returns
// the id of the row. What else than the id could be in conflict has to be looked for before.
func (tx *Tx) InsertNew(at time.Time, insert func(id int64) (rows int64, err error)) (int64, error) {
	for range 16 {
		id := NewID(at)
		if rows, err := insert(id); err != nil || rows > 0 {
			return id, err
		}
	}
	return 0, errors.New("database: no new row can be made: something else than its id is there already")
}

// FirstID is the least number that NewID gives at that time.
func FirstID(at time.Time) int64 { return (at.UnixMilli() - 1577836800000) << 22 }

// IDTime is the millisecond at which NewID gave id.
func IDTime(id int64) time.Time { return time.UnixMilli(id>>22 + 1577836800000) }

// Micros is t as the database keeps it.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time is what the database kept as Micros.
func Time(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func unavailable(err error) error {
	if fault.As(err) != nil || !isConnect(err) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "the registry's database does not answer; try again")
}
