package registry

import (
	"context"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// Object is one that a row leads to: all that a copy of the rows needs beside them.
type Object struct {
	Key    blob.Key
	Digest oci.Digest
	Size   int64 // bytes
	// Archived says that it is in the archive's store.
	Archived bool

	row int64
}

// objectsAtOnce is how many Objects answers.
const objectsAtOnce = 1000

// Objects answers some of the objects that rows lead to, those after another one; nil is before the first. None is the end. rows reads those of a moment (a transaction's) or those of now.
func Objects(rows sql.Rows, after *Object) (some []Object, err error) {
	var row int64
	if after != nil {
		row = after.row
	}
	err = rows(`SELECT id, key, digest, size, archived FROM blob WHERE id > $1 AND key <> '' ORDER BY id LIMIT $2`, sql.Args(row, objectsAtOnce), func(row sql.Scanner) error {
		var o Object
		err := row.Scan(&o.row, &o.Key, &o.Digest, &o.Size, &o.Archived)
		some = append(some, o)
		return err
	})
	return some, err
}

// CountObjects is how many objects rows lead to now, and of how many bytes.
func CountObjects(ctx context.Context, db *sql.DB) (objects, bytes int64, err error) {
	err = db.Row(ctx, `SELECT count(*), CAST(COALESCE(sum(size), 0) AS BIGINT) FROM blob WHERE key <> ''`, nil, &objects, &bytes)
	return objects, bytes, err
}

// HoldObjects keeps every node from deleting objects for some time: those that rows lead to after it has returned stay, whatever becomes of the rows. It ends by itself; whoever
// needs longer calls it again in time (F28).
func HoldObjects(ctx context.Context, db *sql.DB, during time.Duration) error {
	return db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE collection SET held_until = $1 WHERE held_until < $1`, sql.Micros(wall(db).Add(during)))
		return err
	})
}

// wall is the time that other processes at the database read too, at this moment: on SQLite the clock of the machine as it is set now, on PostgreSQL its own. Two processes
// that share a SQLite file began at different times, and so may differ in db.Now by all that the clock was wrong by when one of them began.
func wall(db *sql.DB) time.Time {
	if db.Shared() {
		return db.Now()
	}
	return time.Now()
}

// LeftBehind are the tables whose rows mean nothing beside another store: an upload that was begun goes on only with the bytes that its store has of it. Its client
// begins again.
func LeftBehind() []string { return []string{"upload"} }

// Settle are the statements that make a copy of the rows right for stores that have nothing but its objects. archive says whether one of them is an archive's; without,
// all objects are in one store, and an archive worker that gets one later moves them there again.
func Settle(archive bool) []string {
	all := []string{
		`DELETE FROM dead_object`,
		`UPDATE blob_review SET key = '', due = 0`,
		`UPDATE collection SET held_until = 0`,
		`UPDATE scrub SET holder = '', lease_until = 0`,
	}
	if archive {
		return all
	}
	return append(all,
		`INSERT INTO blob_review (blob_id, due, key, archive) SELECT id, 0, '', FALSE FROM blob WHERE archived ON CONFLICT (blob_id) DO NOTHING`,
		`UPDATE blob SET archived = FALSE WHERE archived`)
}

// identityOf names the secret, made at the first start, from which an installation's identity is derived.
const identityOf = "pages"

// Identity is what tells the registries of one installation from those of others, wherever they are copied to; empty for one that has never been started.
func Identity(ctx context.Context, db *sql.DB) (id string, err error) {
	var of []oci.Digest
	err = db.Rows(ctx, `SELECT value FROM cell_secret WHERE name = $1`, sql.Args(identityOf), func(row sql.Scanner) error {
		var secret []byte
		err := row.Scan(&secret)
		of = append(of, oci.FromBytes(append([]byte("the identity of an installation "), secret...)))
		return err
	})
	if err != nil || len(of) == 0 {
		return "", err
	}
	return of[0].Hex()[:32], nil
}
