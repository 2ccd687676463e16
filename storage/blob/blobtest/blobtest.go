// Package blobtest is the suite that every blob.Store passes.
package blobtest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
)

// Place is somewhere to keep blobs, empty at first. Each call opens another Store on the same bytes: another node.
type Place func() blob.Store

// Run tests the store that fresh makes a new place for.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, node Place)
	}{
		{"sizes", testSizes},
		{"random chunks on two nodes (H22)", testChunks},
		{"body that breaks off (H22)", testBrokenBody},
		{"acknowledgement that was lost", testLostAcknowledgement},
		{"two writers of one upload (H23)", testTwoWriters},
		{"uploads side by side (H24)", testSideBySide},
		{"commit again", testCommitAgain},
		{"object that is not what the rows say", testOpenWrong},
		{"bytes that are verified (F07)", testVerify},
		{"hostile ids and keys (H05, H25)", testHostileNames},
		{"state that cannot be read (H26, F27)", testUnreadableState},
		{"abort and delete", testAbortDelete},
		{"walk", testWalk},
		{"sweep (I7, F12)", testSweep},
		{"seek and ranges", testSeek},
		{"notes", testNotes},
		{"cancelled request", testCancelled},
		{"small content stays inline", testInline},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// NewUpload is an upload that has just begun.
func NewUpload() *blob.Upload { return &blob.Upload{ID: uuid.NewString()} }

// Bytes are size random bytes, the same for the same seed.
func Bytes(seed uint64, size int) []byte {
	var key [32]byte
	key[0], key[1], key[2], key[3] = byte(seed), byte(seed>>8), byte(seed>>16), byte(seed>>24)
	p := make([]byte, size)
	_, _ = mathrand.NewChaCha8(key).Read(p)
	return p
}

// Push uploads content at once and commits it.
func Push(t testing.TB, s blob.Store, content []byte) *blob.Upload {
	t.Helper()
	u := NewUpload()
	if err := s.Append(t.Context(), u, bytes.NewReader(content)); err != nil {
		t.Fatalf("Append: %v", err)
	}
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	return u
}

// Holds fails t unless s holds content at key.
func Holds(t testing.TB, s blob.Store, key blob.Key, content []byte) {
	t.Helper()
	c, err := s.Open(t.Context(), key, int64(len(content)))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if !bytes.Equal(got, content) {
		t.Fatalf("the object at %s has other content: %d bytes, want %d", key, len(got), len(content))
	}
}

// stored is u as another node reads it from its row.
func stored(u *blob.Upload) *blob.Upload {
	other := *u
	other.Sum, other.Tail, other.State = bytes.Clone(u.Sum), bytes.Clone(u.Tail), bytes.Clone(u.State)
	return &other
}

// same fails t unless u is still what it was when before was taken.
func same(t testing.TB, u, before *blob.Upload) {
	t.Helper()
	if u.ID != before.ID || u.Size != before.Size || !bytes.Equal(u.Sum, before.Sum) || !bytes.Equal(u.Tail, before.Tail) || !bytes.Equal(u.State, before.State) {
		t.Fatalf("the upload has changed: %d bytes and a tail of %d, state %s; before %d, %d, %s", u.Size, len(u.Tail), u.State, before.Size, len(before.Tail), before.State)
	}
}

func appendTo(t testing.TB, s blob.Store, u *blob.Upload, p []byte) {
	t.Helper()
	if err := s.Append(t.Context(), u, bytes.NewReader(p)); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func commit(t testing.TB, s blob.Store, u *blob.Upload) {
	t.Helper()
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func hasDigest(t testing.TB, u *blob.Upload, content []byte) {
	t.Helper()
	got, err := u.Digest()
	if err != nil {
		t.Fatalf("Digest: %v", err)
	}
	if want := oci.FromBytes(content); got != want || u.Size != int64(len(content)) {
		t.Fatalf("the upload has %d bytes, %s; want %d, %s", u.Size, got, len(content), want)
	}
}

func wantFault(t testing.TB, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Fatalf("got error %v, want the fault %s", err, code)
	}
}

// errBroken is what a connection that broke answers.
var errBroken = errors.New("connection reset by peer")

// broken answers content, in reads of odd sizes, and then err.
func broken(content []byte, err error) io.Reader {
	return io.MultiReader(&oddReader{r: bytes.NewReader(content)}, failing{err})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// oddReader reads less than it is asked for, and sometimes nothing, as a network does.
type oddReader struct {
	r io.Reader
	n int
}

func (o *oddReader) Read(p []byte) (int, error) {
	o.n++
	if o.n%7 == 0 {
		return 0, nil
	}
	return o.r.Read(p[:min(len(p), 1+o.n*7919%100_000)])
}

func randomHex(n int) string {
	p := make([]byte, n)
	_, _ = rand.Read(p)
	return fmt.Sprintf("%x", p)
}
