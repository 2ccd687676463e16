package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"golang.org/x/sys/unix"

	"github.com/berth-registry/berth/fault"
)

// reserveSize is the size in bytes of what is kept for when the disk is full: several times the write-ahead log that a checkpoint leaves (4 MiB), so that deletions and
// the collection of garbage can go on for very long.
const reserveSize = 16 << 20

const reserveSuffix = "-reserve"

// reserve is a file beside an SQLite database that takes space for nothing, until the disk is full. Then it gives way, so that what frees space can still be committed (F11);
// what needs space is refused by Room meanwhile. When there is space again for two of it, it is made again.
type reserve struct {
	path string
	mu   sync.Mutex
	kept atomic.Bool // it is there
	gone atomic.Bool // it should be, and is not: the disk is full
}

// KeepReserve has the database keep a reserve for when the disk is full, which a server does and a command that only looks does not. On PostgreSQL it does nothing.
func (db *DB) KeepReserve() {
	if db.writer == nil {
		return
	}
	r := &db.writer.reserve
	if info, err := os.Stat(r.path); err == nil && info.Size() >= reserveSize {
		r.kept.Store(true)
		return
	}
	r.gone.Store(true)
	if err := r.fill(); err != nil {
		slog.Error("the disk of the database is full: pushes are refused until space is freed", "error", err)
	}
}

// give lets go of the reserve. It reports whether there was one.
func (r *reserve) give(why error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.kept.Load() {
		return false
	}
	if err := os.Remove(r.path); err != nil {
		slog.Error("the disk of the database is full, and its reserve cannot be removed", "error", err)
		return false
	}
	r.kept.Store(false)
	r.gone.Store(true)
	slog.Error("the disk of the database is full: pushes are refused until space is freed; pulls, deletions and the collection of garbage go on in a reserve",
		"reserveBytes", reserveSize, "error", why)
	return true
}

// again makes the reserve again, if it is gone and there is space for two of it: else the next push would take it away.
func (r *reserve) again() {
	if !r.gone.Load() {
		return
	}
	if err := r.fill(); err == nil {
		slog.Info("the disk of the database has space again: pushes are taken")
	}
}

func (r *reserve) fill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var disk unix.Statfs_t
	if err := unix.Statfs(strings.TrimSuffix(r.path, reserveSuffix), &disk); err != nil {
		return err
	}
	if free := uint64(disk.Bavail) * uint64(disk.Bsize); free < 2*reserveSize {
		return fmt.Errorf("%d bytes are free, and at least %d have to be", free, 2*reserveSize)
	}
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(allocate(file, reserveSize), file.Close()); err != nil {
		return errors.Join(err, os.Remove(r.path))
	}
	r.kept.Store(true)
	r.gone.Store(false)
	return nil
}

// fillUp takes space by bytes that no file system can make smaller.
func fillUp(file *os.File, size int) error {
	content := make([]byte, 1<<20)
	var random rand.ChaCha8
	for written := 0; written < size; written += len(content) {
		random.Read(content) //nolint:errcheck // it cannot fail
		if _, err := file.Write(content); err != nil {
			return err
		}
	}
	return file.Sync() // some file systems find a place only now
}

// Room is nil while there is space for what makes the database grow. While its disk is full the fault is Unavailable: whoever wants to add asks first, so that the reserve stays for
// those who remove (F09, F11). PostgreSQL looks after its disk itself.
func (db *DB) Room() error {
	if db.writer == nil || !db.writer.reserve.gone.Load() {
		return nil
	}
	return fault.New(fault.Unavailable, diskFull)
}

const diskFull = "the registry's disk is full; free space and try again"

// isFull reports whether SQLite says that the disk is full.
func isFull(err error) bool {
	var lite *sqlitedriver.Error
	if !errors.As(err, &lite) {
		return false
	}
	return lite.Code()&0xff == sqlite3.SQLITE_FULL || lite.Code() == sqlite3.SQLITE_IOERR_SHMSIZE
}

// isUnsure reports whether SQLite says that an fsync failed: what is on the disk is not known then, and another fsync would report success without cause (F06).
func isUnsure(err error) bool {
	var lite *sqlitedriver.Error
	return errors.As(err, &lite) && (lite.Code() == sqlite3.SQLITE_IOERR_FSYNC || lite.Code() == sqlite3.SQLITE_IOERR_DIR_FSYNC)
}

// Failed is closed when the database cannot be trusted to keep what it is told: an fsync of it has failed (F06). It takes no write any more, and what was acknowledged is in what a
// new process reads from the disk: the process has to end. Err says why.
func (db *DB) Failed() <-chan struct{} { return db.failed }

// Err is why Failed is closed, and nil before.
func (db *DB) Err() error {
	if err := db.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// fail closes Failed.
func (db *DB) fail(ctx context.Context, err error) {
	err = fmt.Errorf("the disk could not make a commit of the database durable: %w", err)
	if db.failure.CompareAndSwap(nil, &err) {
		slog.ErrorContext(ctx, "the database takes no writes any more", "error", err)
		close(db.failed)
	}
}
