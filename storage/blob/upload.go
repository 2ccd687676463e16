package blob

import (
	"context"
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"io"

	"github.com/berth-registry/berth/lang/oci"
)

// TailMax is the size in bytes up to which an upload stays wholly in its Tail on every Store: such a blob costs no file and no object, and a registry may
// keep it in its own rows instead of committing it (see Upload.Inline).
const TailMax = 64 << 10

// Upload is the resumable state of one upload. The registry keeps it as one row of SQL, so that any node can go on with it (H22, H26). The zero value with
// an ID is an upload that has just begun.
type Upload struct {
	// ID is a UUID in its canonical form, never used twice: it becomes the object's Key.
	ID string
	// Size counts the bytes that were accepted, those in Tail too.
	Size int64
	// Sum is the state of SHA-256 over the Size bytes, as encoding.BinaryMarshaler writes it; empty when Size is 0.
	Sum []byte
	// Tail holds the last bytes, not yet given to the store: all of a small upload (TailMax), and on S3 what is short of a part (under 8 MiB, commonly under 5).
	Tail []byte
	// State is the store's own: on S3 the multipart upload and its parts.
	State []byte
}

// Key is where the content is after Commit.
func (u *Upload) Key() Key { return Key(u.ID) }

// Inline is the whole content, if none of it was given to the store: there is nothing to abort then, and nothing has to be committed.
func (u *Upload) Inline() ([]byte, bool) {
	return u.Tail, u.Size == int64(len(u.Tail)) && len(u.Tail) <= TailMax
}

// Digest is that of the Size bytes. Its fault is UploadNotFound when the state of the hash cannot be read, as when another release wrote it: the client
// has to start again (F27).
func (u *Upload) Digest() (oci.Digest, error) {
	sum, err := u.hash()
	if err != nil {
		return "", err
	}
	return oci.FromHash(sum), nil
}

// stored is how many bytes the store holds: the offset of Tail.
func (u *Upload) stored() int64 { return u.Size - int64(len(u.Tail)) }

// hash is SHA-256 after the Size bytes.
func (u *Upload) hash() (hash.Hash, error) {
	sum := sha256.New()
	if u.Size == 0 && len(u.Sum) == 0 {
		return sum, nil
	}
	state, ok := sum.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, fmt.Errorf("blob: %T cannot be restored", sum)
	}
	if err := state.UnmarshalBinary(u.Sum); err != nil {
		return nil, errUploadLost(u.ID, "state of the hash: %w", err)
	}
	return sum, nil
}

// sumState is the state of sum for Upload.Sum.
func sumState(sum hash.Hash) ([]byte, error) {
	state, ok := sum.(encoding.BinaryMarshaler)
	if !ok {
		return nil, fmt.Errorf("blob: %T cannot be stored", sum)
	}
	return state.MarshalBinary()
}

// check refuses an upload that no store may touch: an id that is no UUID, or numbers that contradict each other.
func (u *Upload) check(tailMax int) error {
	if !validID(u.ID) {
		return errUploadLost(u.ID, "the id is not a UUID")
	}
	if u.stored() < 0 || len(u.Tail) > tailMax {
		return errUploadLost(u.ID, "a tail of %d bytes in an upload of %d", len(u.Tail), u.Size)
	}
	return nil
}

// fill reads from r until p is full or r ends; a cancelled ctx counts as a failure of r. Unlike io.ReadFull it answers r's own error together with what
// was read, because a body cut short is itself an io.ErrUnexpectedEOF. A nil error means that p is full.
func fill(ctx context.Context, r io.Reader, p []byte) (int, error) {
	n := 0
	for idle := 0; n < len(p); {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		m, err := r.Read(p[n:])
		n += m
		if err != nil {
			return n, err
		}
		if m > 0 {
			idle = 0
		} else if idle++; idle == 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

// bodyError is what Append answers when its reader ended with err.
func bodyError(err error) error {
	if err == io.EOF {
		return nil
	}
	return fmt.Errorf("blob: reading the upload's body: %w", err)
}
