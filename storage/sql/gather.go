package sql

import "context"

// Rows runs a query and calls scan for each row, in a transaction or by itself. Its error is that of the query, or the first of scan.
type Rows func(query string, args []any, scan func(row Scanner) error) error

// In is Rows of queries that are each for themselves, for as long as ctx is; those of a transaction are tx.Rows.
func (db *DB) In(ctx context.Context) Rows {
	return func(query string, args []any, scan func(row Scanner) error) error {
		return db.Rows(ctx, query, args, scan)
	}
}

// Gather is what read makes of the rows of a query, in their order; nil where there is none. With an error it is what came before.
func Gather[T any](rows Rows, query string, args []any, read func(row Scanner) (T, error)) ([]T, error) {
	var out []T
	err := rows(query, args, func(row Scanner) error {
		v, err := read(row)
		if err == nil {
			out = append(out, v)
		}
		return err
	})
	return out, err
}

// Count is the one number that a query answers.
func (tx *Tx) Count(query string, args ...any) (int, error) {
	var n int64
	err := tx.Row(query, args, &n)
	return int(n), err
}

// ExecAll runs statements that have the same parameters, up to the first that fails.
func (tx *Tx) ExecAll(args []any, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.Exec(s, args...); err != nil {
			return err
		}
	}
	return nil
}
