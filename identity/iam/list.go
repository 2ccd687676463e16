package iam

import (
	"context"
	"errors"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// list authorises and reads a page of one kind of thing. All are in the order of their names; those under a path are in the order of path and name, so that
// a page of them costs the same however many others the account has.
func (d *Directory) list(ctx context.Context, k Kind, action, prefix string, p Page) ([]entity, string, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := d.Authorize(ctx, action, &Resource{ARN: arn.IAM(account, k.String()+orRoot(prefix))}); err != nil {
		return nil, "", err
	}
	var out []entity
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		var err error
		out, err = listTx(tx, k, account, prefix, p)
		return err
	})
	out, next := cut(p, out, cursorOf(prefix))
	return out, next, err
}

// listTx reads a page, and one entry more if there is one.
func listTx(tx *sql.Tx, k Kind, account, prefix string, p Page) ([]entity, error) {
	if prefix = orRoot(prefix); prefix == "/" {
		return sql.Gather(tx.Rows, `SELECT id, name, path, created FROM `+k.table()+` WHERE account = $1 AND folded > $2 ORDER BY folded LIMIT $3`,
			sql.Args(account, p.After, p.limit()+1), scanEntity(k, account))
	}
	path, folded, err := afterPath(tx, k, account, p.After)
	if err != nil {
		return nil, err
	}
	return sql.Gather(tx.Rows, `SELECT id, name, path, created FROM `+k.table()+`
			WHERE account = $1 AND path >= $2 AND path < $3 AND (path, folded) > ($4, $5) ORDER BY path, folded LIMIT $6`,
		sql.Args(account, prefix, prefix+endOfPaths, path, folded, p.limit()+1), scanEntity(k, account))
}

// endOfPaths sorts behind everything that a path may go on with (IAM-2).
const endOfPaths = "\x7f\x7f"

// longestCursor is how long a cursor may be, in bytes, that still fits sealed into the 320 characters of a marker.
const longestCursor = 200

// cursorOf returns what says where the page after an entity begins: its name, or under a path "path name"; where that is too long for a marker "=" and the
// entity's id.
func cursorOf(prefix string) func(e *entity) string {
	if orRoot(prefix) == "/" {
		return func(e *entity) string { return fold(e.name) }
	}
	return func(e *entity) string {
		if cursor := e.path + " " + fold(e.name); len(cursor) <= longestCursor {
			return cursor
		}
		return "=" + e.id
	}
}

// afterPath reads a cursor of cursorOf under a path.
func afterPath(tx *sql.Tx, k Kind, account, cursor string) (path, folded string, err error) {
	if id, ok := strings.CutPrefix(cursor, "="); ok {
		err = tx.Row(`SELECT path, folded FROM `+k.table()+` WHERE id = $1 AND account = $2`, sql.Args(id, account), &path, &folded)
		if errors.Is(err, sql.ErrNoRows) {
			err = fault.New(fault.Validation, "Invalid Marker.") // deleted since: the list has to begin again
		}
		return path, folded, err
	}
	path, folded, _ = strings.Cut(cursor, " ")
	return path, folded, nil
}

// scanEntity reads the columns id, name, path, created.
func scanEntity(k Kind, account string) func(row sql.Scanner) (entity, error) {
	return func(row sql.Scanner) (entity, error) {
		e := entity{kind: k, account: account}
		var created int64
		err := row.Scan(&e.id, &e.name, &e.path, &created)
		e.created = sql.Time(created)
		return e, err
	}
}
