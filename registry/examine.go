package registry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// objects are blobs with their bytes, as those see them who look whether they are whole.
type objects struct {
	db             *sql.DB
	blobs, archive blob.Store
}

// objects are those of this registry.
func (g *Registry) objects() *objects { return &objects{g.db, g.blobs, g.archive} }

// storedBlob is the row of a blob. bytes is how many stand in the row itself, -1 if none do.
type storedBlob struct {
	id      int64
	digest  oci.Digest
	size    int64
	key     blob.Key
	away    bool
	suspect bool
	bytes   int64
}

// errUnreadable says that a store did not give a blob's bytes, so that nothing is known of them.
var errUnreadable = errors.New("cannot be read")

// unreadableMost is how many blobs in a row that cannot be read are taken for a store that is away, and not for what is wrong with these.
const unreadableMost = 5

const selectBlob = `SELECT b.id, b.digest, b.size, b.key, b.archived, b.suspect, COALESCE(length(b.content), -1) FROM blob b`

func (b *storedBlob) scan(row sql.Scanner) error {
	return row.Scan(&b.id, &b.digest, &b.size, &b.key, &b.away, &b.suspect, &b.bytes)
}

func (o *objects) stores() []blob.Store {
	if o.archive == nil {
		return []blob.Store{o.blobs}
	}
	return []blob.Store{o.blobs, o.archive}
}

// examine says what is wrong with the bytes of a blob; "" is nothing. The error is errUnreadable if the store does not give them. deep reads them all, as blob.Verify does. Whoever moves, replaces or
// collects the blob meanwhile does no harm: what is said is true of the row as it is when examine answers, and b is that row; gone says that there is none any more.
func (o *objects) examine(ctx context.Context, b *storedBlob, deep bool, through func(io.Reader) io.Reader) (problem blob.Damage, gone bool, err error) {
	for seen := blob.Damage(""); ; {
		if problem, err = o.look(ctx, b, deep, through); err != nil || problem == "" {
			return "", false, err
		}
		before := *b
		err = o.db.Row(ctx, selectBlob+` WHERE b.id = $1`, sql.Args(b.id), &b.id, &b.digest, &b.size, &b.key, &b.away, &b.suspect, &b.bytes)
		if errors.Is(err, sql.ErrNoRows) {
			return "", true, nil
		}
		// Nothing is called wrong that was not so twice: memory and networks err too.
		if err != nil || b.key == before.key && b.size == before.size && problem == seen {
			return problem, false, err
		}
		seen = problem
	}
}

// look says what is wrong with the bytes that a row names, at this moment.
func (o *objects) look(ctx context.Context, b *storedBlob, deep bool, through func(io.Reader) io.Reader) (problem blob.Damage, err error) {
	if b.key == "" {
		return o.lookInRow(ctx, b, deep, through)
	}
	store := o.store(b.away)
	if store == nil {
		return "", errors.New("layers of archived images are in another store, which has to be named with --archive-blobs")
	}
	if deep {
		problem, err = blob.Verify(ctx, store, b.key, b.size, b.digest, through)
	} else {
		problem, err = blob.Look(ctx, store, b.key, b.size)
	}
	switch {
	case err != nil:
		if f := fault.As(err); f != nil && f.Err != nil {
			err = f.Err
		}
		return "", fmt.Errorf("%w: %w", errUnreadable, err)
	case problem == blob.Missing:
		return problem + blob.Damage(" "+b.key), o.lost(ctx, b.away)
	}
	return problem, nil
}

func (o *objects) lookInRow(ctx context.Context, b *storedBlob, deep bool, through func(io.Reader) io.Reader) (blob.Damage, error) {
	if b.bytes != b.size {
		return blob.Damage(fmt.Sprintf("has %d bytes in its row instead of %d", max(b.bytes, 0), b.size)), nil
	}
	if !deep {
		return "", nil
	}
	var content []byte
	err := o.db.Row(ctx, `SELECT content FROM blob WHERE id = $1`, sql.Args(b.id), &content)
	if errors.Is(err, sql.ErrNoRows) {
		return "has no row any more", nil
	}
	if err == nil && through != nil {
		_, err = io.Copy(io.Discard, through(io.LimitReader(zeros{}, int64(len(content)))))
	}
	if err != nil {
		return "", err
	}
	if is := oci.FromBytes(content); is != b.digest {
		return blob.Mismatch(is), nil
	}
	return "", nil
}

// zeros are bytes that were read already, for those who count them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// quarantine keeps a blob from being served (F07), unless its row names other bytes by now. It answers whether it did, and was not before.
func (o *objects) quarantine(ctx context.Context, b *storedBlob, suspect bool) (done bool, err error) {
	err = o.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`UPDATE blob SET suspect = $1 WHERE id = $2 AND key = $3 AND suspect <> $1`, suspect, b.id, b.key)
		if done = n > 0; err != nil || !done {
			return err
		}
		return tx.Changed(o.db.Epoch(layerEpoch), "") // every repository that holds it
	})
	return done, err
}
