package sql

import (
	"context"
	"crypto/rand"
	stdsql "database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/berth-registry/berth/fault"
)

// IsDuplicate reports whether err says that a row with the same key exists.
func IsDuplicate(err error) bool {
	var lite *sqlitedriver.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// mustRunAgain reports whether PostgreSQL undid a transaction only because of others that ran beside it.
func mustRunAgain(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// classify turns the driver's errors that a client can do something about into faults (F09, F13, F14), and leaves the rest as they are.
func classify(err error) error {
	if err == nil || errors.Is(err, stdsql.ErrNoRows) {
		return err
	}
	var lite *sqlitedriver.Error
	if errors.As(err, &lite) {
		if isFull(err) {
			return fault.Wrap(err, fault.Unavailable, diskFull)
		}
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fault.Wrap(err, fault.Unavailable, "the registry's database is busy; try again")
		case sqlite3.SQLITE_CANTOPEN: // its files are there since the start: there are no more file descriptors (F32), or the disk is away (F08)
			return fault.Wrap(err, fault.Unavailable, "the registry's database does not answer; try again")
		case sqlite3.SQLITE_IOERR:
			return fault.Wrap(err, fault.Unavailable, "the registry's disk reports errors; try again")
		}
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if pg.Code == "22021" { // a NUL: no name, tag or text that is stored holds one
			return fault.Wrap(err, fault.InvalidParameter, "A value holds a character that cannot be stored")
		}
		if pg.Code == "53100" {
			return fault.Wrap(err, fault.Unavailable, "the disk of the registry's database is full; free space and try again")
		}
		if pg.Code == "25P03" { // see aloneMost
			return fault.Wrap(err, fault.Unavailable, "the registry's database has given up a transaction that stood still; try again")
		}
		switch pg.Code[:2] {
		case "08", "53", "57": // connection, out of resources, shut down
			return fault.Wrap(err, fault.Unavailable, "the registry's database does not answer; try again")
		}
		return err
	}
	var netErr net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, stdsql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) || isConnect(err) || errors.As(err, &netErr) && !errors.Is(err, context.DeadlineExceeded) {
		return unavailable(err)
	}
	return err
}

// isConnect reports whether a connection to PostgreSQL could not be made, also for want of time, which is not that of the request.
func isConnect(err error) bool {
	var connect *pgconn.ConnectError
	return errors.As(err, &connect)
}

func random22() uint32 {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // it cannot fail
	return binary.BigEndian.Uint32(b[:]) >> 10
}
