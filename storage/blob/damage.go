package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/berth-registry/berth/lang/oci"
)

// Damage is what is wrong with an object that is not what the rows say of it: the end of a sentence about the blob, as "has an object of another size". It is empty for one
// that is whole.
type Damage string

// Missing is the damage of a blob that has no object.
const Missing Damage = "has no object"

// Mismatch is the damage of bytes whose digest is another one.
func Mismatch(is oci.Digest) Damage { return Damage(fmt.Sprintf("has bytes whose digest is %s", is)) }

// Judge tells what an error of Open, or of reading what it opened, says of the object, from what only says that the store is away: that stays an error, and nothing is known of
// the object then.
func Judge(err error) (Damage, error) {
	switch {
	case errors.Is(err, ErrMissing):
		return Missing, nil
	case errors.Is(err, ErrSize):
		return "has an object of another size", nil
	case errors.Is(err, syscall.EIO):
		return "cannot be read: the disk reports an error", nil
	}
	return "", err
}

// Look says what is wrong with the object at key without reading it: whether it is there, and has size bytes. An error says that nothing is known (Judge).
func Look(ctx context.Context, s Store, key Key, size int64) (Damage, error) {
	content, err := s.Open(ctx, key, size)
	if err != nil {
		return Judge(err)
	}
	return "", content.Close()
}

// Verify says what is wrong with the object at key, which has to have size bytes with the digest d: it reads them all, through a reader that may be slower than the store; nil is
// none. An error says that nothing is known: it is one of a store that is away (Judge), of that reader whatever it is, or of ctx.
func Verify(ctx context.Context, s Store, key Key, size int64, d oci.Digest, through func(io.Reader) io.Reader) (Damage, error) {
	content, err := s.Open(ctx, key, size)
	if err != nil {
		return Judge(err)
	}
	defer content.Close() //nolint:errcheck // it was only read
	stored := &within{ctx: ctx, Reader: content}
	var r io.Reader = stored
	if through != nil {
		r = through(r)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	switch {
	case err != nil && stored.failed != nil:
		return Judge(stored.failed)
	case err != nil:
		return "", err
	case n != size:
		return Damage(fmt.Sprintf("ends after %d of %d bytes", n, size)), nil
	}
	if is := oci.FromHash(sum); is != d {
		return Mismatch(is), nil
	}
	return "", nil
}

// within is a reader that ends with ctx.
type within struct {
	ctx context.Context
	io.Reader
	failed error // of the reader itself, which is not ctx's
}

// Read is io.Reader's.
func (r *within) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return n, err
}
