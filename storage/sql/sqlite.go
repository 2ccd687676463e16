package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/berth-registry/berth/fault"
)

// Pragmas of every connection. synchronous=FULL is what makes a commit durable in WAL mode: with NORMAL a power cut takes the last commits with it.
const pragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=cache_size(-2000)&_pragma=temp_store(MEMORY)&_pragma=journal_size_limit(67108864)"

func (db *DB) openSQLite(ctx context.Context, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	steadyPlans()
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas
	w, err := stdsql.Open("sqlite", dsn)
	if err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	conn, err := w.Conn(ctx)
	if err != nil {
		w.Close() //nolint:errcheck // the first error tells
		return fmt.Errorf("database %s: %w", path, err)
	}
	if err := assertDurable(ctx, conn); err != nil {
		w.Close() //nolint:errcheck // the first error tells
		return fmt.Errorf("database %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		w.Close() //nolint:errcheck // the first error tells
		return fmt.Errorf("database: %w", err)
	}
	pool, err := stdsql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		w.Close() //nolint:errcheck // the first error tells
		return fmt.Errorf("database %s: %w", path, err)
	}
	pool.SetMaxOpenConns(8)
	pool.SetMaxIdleConns(8)
	db.dialect, db.pool = sqlite, pool
	db.writer = &writer{db: db, pool: w, conn: conn, lines: newLines(), stmts: map[string]*stdsql.Stmt{}, closed: make(chan struct{}), reserve: reserve{path: path + reserveSuffix}}
	db.writer.lookOutside()
	go db.writer.run()
	return nil
}

// OpenSnapshot opens an SQLite file that nobody writes to, such as one in a backup, only to be read: nothing is made beside it and nothing of it changes, and the folder may
// be one that cannot be written to.
func OpenSnapshot(ctx context.Context, path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	pool, err := stdsql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&immutable=1&_pragma=query_only(1)&_pragma=cache_size(-2000)")
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	if err := pool.PingContext(ctx); err != nil {
		pool.Close() //nolint:errcheck // the first error tells
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db := &DB{dialect: sqlite, pool: pool, epochs: map[string]*Epoch{}, stop: func() {}, done: make(chan struct{}), measured: newMeasured(), failed: make(chan struct{})}
	db.clock.Store(started.UnixMicro())
	close(db.done)
	return db, nil
}

// Whole brings all that was written into the one file of an SQLite database, so that the file can be taken by itself once the database is closed. Nobody else may be using it.
// It does nothing to PostgreSQL.
func (db *DB) Whole(ctx context.Context) error {
	if db.writer == nil {
		return nil
	}
	var busy, pages, moved int
	if err := db.writer.pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return classify(err)
	}
	if busy != 0 {
		return errors.New("database: somebody else uses it")
	}
	return nil
}

// assertDurable reads back what the connection really does: a file system that refuses WAL, or a pragma misspelt, must stop the start and not
// be found out at the first power cut.
func assertDurable(ctx context.Context, conn *stdsql.Conn) error {
	var mode string
	var synchronous, foreign int
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&foreign); err != nil {
		return err
	}
	if mode != "wal" || synchronous != 2 || foreign != 1 {
		return fmt.Errorf("not durable: journal_mode=%s synchronous=%d foreign_keys=%d, want wal, 2 (FULL), 1", mode, synchronous, foreign)
	}
	return nil
}

// writer owns the one connection that writes, and commits the writes that wait for it together.
type writer struct {
	db     *DB
	pool   *stdsql.DB
	conn   *stdsql.Conn
	lines  *lines
	stmts  map[string]*stdsql.Stmt
	closed chan struct{}

	reserve reserve

	synced  time.Duration // how long the last commit took to reach the disk
	version int64         // of the file's content, as other processes change it; 0: not asked yet
}

type write struct {
	ctx  context.Context
	f    func(tx *Tx) error
	tx   Tx
	err  error
	with int // how many writes went out in the same commit
	done chan struct{}
}

// A commit takes what has come until it has batchMost writes, or has run them for as long as the disk needs for a commit, and at least for batchLeast: so the first of them,
// and whoever comes next, waits for others no longer than for the disk, and still half of the time at the most is spent on syncing.
const (
	batchMost  = 256
	batchLeast = time.Millisecond
)

// do runs a write of an account, and answers with how many others it went out, itself among them.
func (w *writer) do(ctx context.Context, account string, f func(tx *Tx) error) (together int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	one := &write{ctx: ctx, f: f, done: make(chan struct{})}
	if !w.lines.add(account, one) {
		return 0, fault.New(fault.Unavailable, "the registry is shutting down; try again")
	}
	// From here on the write may happen: the answer must wait for it, whatever becomes of ctx.
	<-one.done
	return one.with, one.err
}

func (w *writer) close() {
	w.lines.end()
	<-w.closed
	if w.db.Err() != nil {
		return // the last connection that is closed would move the log into the database: nothing must be written any more
	}
	w.conn.Close() //nolint:errcheck // every write is committed
	w.pool.Close() //nolint:errcheck // every write is committed
}

func (w *writer) run() {
	defer close(w.closed)
	var batch []*write
	outside := time.NewTicker(pollEvery)
	defer outside.Stop()
	for {
		select {
		case <-w.lines.some:
		case <-outside.C:
			w.lookOutside()
			w.reserve.again()
			continue
		}
		for {
			first, over := w.lines.first()
			if over {
				return
			}
			if first == nil {
				break
			}
			began := time.Now()
			batch = append(batch[:0], first)
			err := w.commit(&batch, func() *write {
				if len(batch) == batchMost || time.Since(began) > max(w.synced, batchLeast) {
					return nil
				}
				return w.lines.more()
			})
			if isFull(err) && w.reserve.give(err) {
				w.commit(&batch, func() *write { return nil }) //nolint:errcheck // each write has been told
			}
			w.db.measured.commit(len(batch), time.Since(began))
			for i, one := range batch {
				one.with = len(batch)
				close(one.done)
				batch[i] = nil
			}
		}
	}
}

// lookOutside makes every cache ask again when another process has written to the file, as a repair beside a running server does. data_version changes with the commits
// of other connections, and all commits of this process go through this one.
func (w *writer) lookOutside() {
	var version int64
	if err := w.conn.QueryRowContext(context.Background(), "PRAGMA data_version").Scan(&version); err != nil {
		return // the next write tells what is wrong
	}
	if w.version != 0 && version != w.version {
		w.db.mu.Lock()
		defer w.db.mu.Unlock()
		for _, e := range w.db.epochs {
			e.all.Add(1)
		}
	}
	w.version = version
}

// commit runs each write of the batch under a savepoint of its own, so that one that fails takes nothing with it, and commits them together, with what more adds meanwhile.
// The error is that of the batch, which each write has got, or that of a write that found the disk full.
func (w *writer) commit(all *[]*write, more func() *write) (err error) {
	defer func() {
		if err != nil {
			w.exec("ROLLBACK") //nolint:errcheck // there may be nothing to undo, and the first error tells
			w.fail(*all, err)
		}
	}()
	if err := w.db.Err(); err != nil {
		return fault.Wrap(err, fault.Unavailable, "the registry's disk reports errors; try again")
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	good := 0
	for i := 0; ; i++ {
		if i == len(*all) {
			one := more()
			if one == nil {
				break
			}
			*all = append(*all, one)
		}
		one := (*all)[i]
		if one.err = one.ctx.Err(); one.err != nil {
			continue
		}
		if one.err = w.exec("SAVEPOINT one"); one.err != nil {
			continue
		}
		if one.err = w.call(one); one.err != nil {
			one.tx.after = nil
			if isFull(one.err) {
				return one.err
			}
			if err := w.exec("ROLLBACK TO one"); err != nil {
				if one.tx.failed != nil {
					return one.tx.failed // it has ended the whole transaction, which is what the others are to be told
				}
				return err
			}
		} else {
			good++
		}
		if err := w.exec("RELEASE one"); err != nil {
			return err
		}
	}
	if good == 0 {
		w.exec("ROLLBACK") //nolint:errcheck // nothing was written
		return nil
	}
	began := time.Now()
	if err := w.exec("COMMIT"); err != nil {
		if isUnsure(err) {
			w.db.fail(context.Background(), err)
		}
		return err
	}
	w.synced = time.Since(began)
	for _, one := range *all {
		if one.err == nil {
			for _, f := range one.tx.after {
				f()
			}
		}
	}
	return nil
}

// call runs one write; a panic in it must not end the process that holds everybody else's writes.
func (w *writer) call(one *write) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a database write: %v\n%s", p, debug.Stack())
		}
	}()
	one.tx = Tx{ctx: context.WithoutCancel(one.ctx), db: w.db, prepare: w.stmt}
	if err := one.f(&one.tx); err != nil {
		return err
	}
	return one.tx.failed
}

func (w *writer) fail(batch []*write, err error) {
	err = classify(err)
	for _, one := range batch {
		if one.err == nil {
			one.err = err
		}
	}
}

func (w *writer) exec(query string) error {
	s, err := w.stmt(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background())
	return err
}

func (w *writer) stmt(query string) (*stdsql.Stmt, error) {
	if s, ok := w.stmts[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}
