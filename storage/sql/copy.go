package sql

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// CopyOptions say what Copy does beside copying.
type CopyOptions struct {
	// Parts are all parts of berth: their tables are made in the copy, at the versions of the original.
	Parts []Part
	// Leave are tables whose rows stay behind.
	Leave []string
	// Settle are statements that are run in the copy at last: for what is true only where the original is.
	Settle []string
	// Before, if not nil, is called when all rows are in the copy, before anybody can see them: with the original as it was copied.
	Before func(original *Tx) error
	// Progress, if not nil, is told how many rows of a table have been copied.
	Progress func(table string, rows int64)
}

// Table is what Copy copied of one table.
type Table struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
	// Sum is the same for the same rows in any order and in either database; hexadecimal.
	Sum string `json:"sum"`
}

// Copy copies all rows of one database into another, which has to be empty, as they are at one moment of the first one: SQLite or PostgreSQL on either side, whoever
// writes to the original meanwhile. All rows come into sight at once, after they have been read again from the copy and compared. It holds some hundred rows in memory.
// The error is ErrNotEmpty if there is something in the second one.
func Copy(ctx context.Context, from, to *DB, o CopyOptions) (done []Table, err error) {
	if err := errors.Join(from.Known(ctx, o.Parts), to.Empty(ctx)); err != nil {
		return nil, err
	}
	err = from.View(ctx, func(src *Tx) error {
		if err := src.mayStandStill(); err != nil {
			return err
		}
		_, versioned, err := src.tables()
		if err != nil {
			return err
		}
		versions, err := src.versions(versioned)
		if err != nil {
			return err
		}
		for _, p := range o.Parts {
			if err := to.bringTo(ctx, p, versions[p.Name]); err != nil {
				return err
			}
		}
		return to.Write(ctx, func(dst *Tx) error {
			if err := dst.mayStandStill(); err != nil {
				return err
			}
			done, err = copyTables(src, dst, o)
			if err != nil {
				return err
			}
			for _, statement := range o.Settle {
				if _, err := dst.Exec(statement); err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				}
			}
			if o.Before != nil {
				return o.Before(src)
			}
			return nil
		})
	})
	return done, err
}

func copyTables(src, dst *Tx, o CopyOptions) ([]Table, error) {
	there, _, err := dst.tables()
	if err != nil {
		return nil, err
	}
	there = slices.DeleteFunc(there, func(table string) bool { return slices.Contains(o.Leave, table) })
	if there, err = dst.inOrder(there); err != nil {
		return nil, err
	}
	var done []Table
	for _, table := range there {
		columns, err := dst.columns(table)
		if err != nil {
			return nil, err
		}
		if have, err := src.columns(table); err != nil || !slices.Equal(have, columns) {
			return nil, errors.Join(err, fmt.Errorf("table %s has other columns than its version says", table))
		}
		if _, err := dst.Exec(`DELETE FROM ` + quoted(table)); err != nil { // what the migrations put there
			return nil, err
		}
		wrote, err := copyTable(src, dst, table, columns, o.Progress)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", table, err)
		}
		read, err := readTable(dst, table, columns, nil)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", table, err)
		}
		if read != wrote {
			return nil, fmt.Errorf("table %s: %d rows were written and %d read, or others: the copy is not what was copied", table, wrote.Rows, read.Rows)
		}
		done = append(done, wrote)
	}
	return done, nil
}

// Tables reads all rows and says what Copy would say of them, but for the tables that are left out: two databases whose answers are equal hold the same.
func (db *DB) Tables(ctx context.Context, leave ...string) (list []Table, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		names, _, err := tx.tables()
		if err != nil {
			return err
		}
		for _, name := range names {
			if slices.Contains(leave, name) {
				continue
			}
			columns, err := tx.columns(name)
			if err != nil {
				return err
			}
			t, err := readTable(tx, name, columns, nil)
			if err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
			list = append(list, t)
		}
		return nil
	})
	return list, err
}

// readTable reads all rows of a table; each, if not nil, gets the values of each.
func readTable(tx *Tx, table string, columns []column, each func(values []any) error) (Table, error) {
	t := Table{Name: table}
	names := make([]string, len(columns))
	cells, dest := make([]cell, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		names[i], cells[i].kind, dest[i] = quoted(c.name), c.kind, &cells[i]
	}
	var sum rowSum
	err := tx.Rows(`SELECT `+strings.Join(names, ", ")+` FROM `+quoted(table), nil, func(row Scanner) error {
		if err := row.Scan(dest...); err != nil {
			return err
		}
		values := make([]any, len(cells))
		for i := range cells {
			values[i] = cells[i].value
		}
		sum.add(values)
		t.Rows++
		if each == nil {
			return nil
		}
		return each(values)
	})
	t.Sum = sum.String()
	return t, err
}

// What is waiting to be written: at most so many rows, and so many bytes before the last of them.
const (
	copyRows  = 128
	copyBytes = 8 << 20
)

func copyTable(src, dst *Tx, table string, columns []column, progress func(string, int64)) (Table, error) {
	w := &rowWriter{tx: dst, table: table, columns: columns}
	var rows int64
	t, err := readTable(src, table, columns, func(values []any) error {
		if rows++; rows%10_000 == 0 && progress != nil {
			progress(table, rows)
		}
		return w.add(values)
	})
	if err == nil {
		err = w.flush()
	}
	if err == nil && progress != nil {
		progress(table, rows)
	}
	return t, err
}

// rowWriter inserts many rows with one statement.
type rowWriter struct {
	tx      *Tx
	table   string
	columns []column
	values  []any
	bytes   int
}

func (w *rowWriter) add(values []any) error {
	w.values = append(w.values, values...)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			w.bytes += len(v)
		case []byte:
			w.bytes += len(v)
		}
	}
	if len(w.values) < copyRows*len(w.columns) && w.bytes < copyBytes {
		return nil
	}
	return w.flush()
}

// flush writes what waits, in statements of few lengths, so that there are few texts to be read and kept.
func (w *rowWriter) flush() error {
	for _, n := range []int{copyRows, copyRows / 8, 1} {
		for len(w.values) >= n*len(w.columns) && len(w.values) > 0 {
			if _, err := w.tx.Exec(w.statement(n), w.values[:n*len(w.columns)]...); err != nil {
				return err
			}
			w.values = w.values[n*len(w.columns):]
		}
	}
	w.values, w.bytes = nil, 0
	return nil
}

func (w *rowWriter) statement(rows int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + quoted(w.table) + ` (`)
	for i, c := range w.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoted(c.name))
	}
	b.WriteString(") VALUES ")
	for n := range rows * len(w.columns) {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%len(w.columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", n+1)
	}
	b.WriteString(")")
	return b.String()
}

// cell scans one value as its column's kind, the same from both databases: SQLite's driver hands out integers where PostgreSQL's hands out booleans, and an empty text
// of bytes as nil.
type cell struct {
	kind  kind
	value any
}

// Scan is sql.Scanner's.
func (c *cell) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		c.value = nil
		return nil
	case string:
		if c.kind == text {
			c.value = v
			return nil
		}
	case []byte:
		switch c.kind {
		case octets:
			c.value = append(make([]byte, 0, len(v)), v...)
			return nil
		case text:
			c.value = string(v)
			return nil
		}
	case int64:
		switch c.kind {
		case integer:
			c.value = v
			return nil
		case boolean:
			c.value = v != 0
			return nil
		}
	case bool:
		if c.kind == boolean {
			c.value = v
			return nil
		}
	}
	return fmt.Errorf("a value of type %T is in a column of another type", src)
}

// rowSum adds up the hashes of rows: their order is another in each database.
type rowSum struct {
	sum [4]uint64
	row bytes.Buffer
}

func (s *rowSum) add(values []any) {
	s.row.Reset()
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			s.row.WriteByte(0)
		case string:
			s.put(1, []byte(v))
		case []byte:
			s.put(2, v)
		case int64:
			s.put(3, binary.BigEndian.AppendUint64(nil, uint64(v)))
		case bool:
			if v {
				s.row.WriteByte(5)
			} else {
				s.row.WriteByte(4)
			}
		}
	}
	h := sha256.Sum256(s.row.Bytes())
	for i := range s.sum {
		s.sum[i] += binary.BigEndian.Uint64(h[8*i:])
	}
}

func (s *rowSum) put(tag byte, p []byte) {
	s.row.WriteByte(tag)
	s.row.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
	s.row.Write(p)
}

// String is the sum, hexadecimal.
func (s *rowSum) String() string {
	var b []byte
	for _, n := range s.sum {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return hex.EncodeToString(b)
}
