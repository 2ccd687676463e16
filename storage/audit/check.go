package audit

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

// pageRows is how many rows of the log Check reads at a time.
const pageRows = 500

// Check looks whether what the log holds can be read, and is where the time of its records says (I12). It changes nothing, and works beside writers. The log has no numbers
// without gaps (a counter would make all writers wait for each other), so a row that somebody took out is not missed. A database of another version is a sql.SchemaError.
func Check(ctx context.Context, db *sql.DB, run *check.Run) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := db.CheckSchema(ctx, part, steps); err != nil {
		return err
	}
	c := &checker{db, run}
	return errors.Join(
		c.pages(ctx, `SELECT id, id, record FROM audit WHERE id > $1 ORDER BY id LIMIT $2`, "record", wrongRecord),
		c.pages(ctx, `SELECT id, last_id, records FROM audit_batch WHERE id > $1 ORDER BY id LIMIT $2`, "batch", wrongBatch),
		c.pieces(ctx))
}

type checker struct {
	db  *sql.DB
	run *check.Run
}

func (c *checker) report(object, detail string) {
	c.run.Report(check.Finding{Invariant: "I12", Object: "audit " + object, Detail: detail})
}

// pages calls wrong with each row of a table: its first and last id, and what it holds.
func (c *checker) pages(ctx context.Context, query, what string, wrong func(first, last int64, content []byte) string) error {
	for after, full := int64(-1), true; full; {
		n := 0
		err := c.db.Rows(ctx, query, sql.Args(after, pageRows), func(row sql.Scanner) error {
			var last int64
			var content []byte
			n++
			err := row.Scan(&after, &last, &content)
			if problem := wrong(after, last, content); err == nil && problem != "" {
				c.report(fmt.Sprintf("%s %d of %s", what, after, sql.IDTime(after).UTC().Format(time.DateTime)), problem)
			}
			return err
		})
		if err != nil {
			return err
		}
		full = n == pageRows
	}
	return nil
}

// wrongRecord says what is wrong with the line of a mutation's record; "" is nothing.
func wrongRecord(first, last int64, line []byte) string {
	var r Record
	if json.Unmarshal(line, &r) != nil {
		return "cannot be read"
	}
	if r.Time.Before(sql.IDTime(first)) || !r.Time.Before(sql.IDTime(last).Add(time.Millisecond)) {
		return "says that it is of " + r.Time.UTC().Format(time.DateTime)
	}
	return ""
}

// wrongBatch says what is wrong with the records of one row.
func wrongBatch(first, last int64, packed []byte) string {
	lines := bufio.NewScanner(flate.NewReader(bytes.NewReader(packed)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if problem := wrongRecord(first, last, lines.Bytes()); problem != "" {
			return "has a record that " + problem
		}
	}
	if lines.Err() != nil {
		return "cannot be unpacked"
	}
	return ""
}

// pieces looks whether each piece of evidence is what its name says.
func (c *checker) pieces(ctx context.Context) error {
	for after, full := "", true; full; {
		n := 0
		err := c.db.Rows(ctx, `SELECT id, body FROM audit_piece WHERE id > $1 ORDER BY id LIMIT $2`, sql.Args(after, pageRows), func(row sql.Scanner) error {
			var packed []byte
			n++
			if err := row.Scan(&after, &packed); err != nil {
				return err
			}
			body, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
			if err != nil || NewPiece(string(body)).id != after {
				c.report("evidence "+after, "is not what was written")
			}
			return nil
		})
		if err != nil {
			return err
		}
		full = n == pageRows
	}
	return nil
}

// Happened reports whether the log has a mutation by that action on that resource since then.
func Happened(ctx context.Context, db *sql.DB, action, resource string, since time.Time) (bool, error) {
	l := Log{db: db}
	found := false
	err := l.Find(ctx, Filter{From: since, Action: action, Resource: resource}, func(*Record) error {
		found = true
		return nil
	})
	return found, err
}
