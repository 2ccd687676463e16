package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/blob"
)

const mib = 1 << 20

func testSizes(t *testing.T, node Place) {
	a, b := node(), node()
	for i, size := range []int{0, 1, blob.TailMax - 1, blob.TailMax, blob.TailMax + 1, 256<<10 - 1, 256 << 10, 256<<10 + 1, mib,
		5*mib - 1, 5 * mib, 5*mib + 1, 8*mib - 1, 8 * mib, 8*mib + 1, 24*mib + 12345} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			content := Bytes(uint64(i), size)
			u := Push(t, a, content)
			hasDigest(t, u, content)
			Holds(t, b, u.Key(), content)
		})
	}
}

// testChunks cuts content anywhere, sends each chunk to one of two nodes, which know of each other only by the row, and lets some break off.
func testChunks(t *testing.T, node Place) {
	nodes := []blob.Store{node(), node()}
	content := Bytes(77, 14*mib)
	rapid.Check(t, func(rt *rapid.T) {
		u := NewUpload()
		largest := rapid.SampledFrom([]int{1000, blob.TailMax, 300_000, 6 * mib, 9 * mib}).Draw(rt, "largest")
		total := min(rapid.IntRange(0, len(content)).Draw(rt, "total"), largest*20)
		for u.Size < int64(total) {
			chunk := content[u.Size:min(u.Size+int64(rapid.IntRange(0, largest).Draw(rt, "chunk"))+1, int64(total))]
			s := nodes[rapid.IntRange(0, 1).Draw(rt, "node")]
			if rapid.IntRange(0, 9).Draw(rt, "breaks") == 0 {
				if err := s.Append(t.Context(), u, broken(chunk, errBroken)); !errors.Is(err, errBroken) {
					rt.Fatalf("Append answered %v to a body that broke off", err)
				}
			} else if err := s.Append(t.Context(), u, bytes.NewReader(chunk)); err != nil {
				rt.Fatalf("Append: %v", err)
			}
			u = stored(u)
		}
		want := content[:u.Size]
		hasDigest(t, u, want)
		commit(t, nodes[rapid.IntRange(0, 1).Draw(rt, "committer")], u)
		Holds(t, nodes[0], u.Key(), want)
		if err := nodes[1].Delete(t.Context(), u.Key()); err != nil {
			rt.Fatal(err)
		}
	})
}

func testBrokenBody(t *testing.T, node Place) {
	for _, err := range []error{errBroken, io.ErrUnexpectedEOF, fault.New(fault.SizeInvalid, "longer than announced")} {
		for _, size := range []int{0, 10, blob.TailMax + 1, 3 * mib, 12 * mib} {
			u, content := NewUpload(), Bytes(uint64(size), size+100)
			if got := node().Append(t.Context(), u, broken(content[:size], err)); !errors.Is(got, err) {
				t.Fatalf("Append answered %v to a body that ended with %v", got, err)
			}
			hasDigest(t, u, content[:size])
			u = stored(u)
			appendTo(t, node(), u, content[size:])
			commit(t, node(), u)
			hasDigest(t, u, content)
			Holds(t, node(), u.Key(), content)
		}
	}
}

// testLostAcknowledgement lets a node die after the store took the bytes, and before the row was written: the row says less than the store holds.
func testLostAcknowledgement(t *testing.T, node Place) {
	for _, size := range []int{100, mib, 6 * mib, 20 * mib} {
		first, lost, second := Bytes(1, size), Bytes(2, size+size/2), Bytes(3, size-50)
		u := NewUpload()
		for i, p := range [][]byte{first, second} {
			row := stored(u)
			appendTo(t, node(), u, lost)
			u = row
			appendTo(t, node(), u, p)
			if i == 1 {
				row := stored(u)
				appendTo(t, node(), u, lost)
				u = row
			}
		}
		content := append(append([]byte{}, first...), second...)
		hasDigest(t, u, content)
		commit(t, node(), u)
		Holds(t, node(), u.Key(), content)
	}
}

// testTwoWriters has two nodes go on with one upload from the same row: either Hold lets only one of them, or Commit finds out about the other's bytes.
func testTwoWriters(t *testing.T, node Place) {
	one, two, begun := node(), node(), NewUpload()
	content, other := Bytes(4, 10*mib), Bytes(5, 3*mib)
	appendTo(t, one, begun, content[:7*mib])
	u, late := stored(begun), stored(begun)
	release, err := one.Hold(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, one, u, content[7*mib:])
	elsewhere, err := two.Hold(t.Context(), u.ID)
	if err == nil {
		appendTo(t, two, late, other)
		commit(t, two, late)
		elsewhere()
		wantFault(t, one.Commit(t.Context(), u), fault.UploadNotFound)
		Holds(t, one, u.Key(), append(content[:7*mib:7*mib], other...))
		return
	}
	wantFault(t, err, fault.UploadBusy)
	release()
	if elsewhere, err = two.Hold(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	hasDigest(t, u, content)
	commit(t, two, u)
	elsewhere()
	Holds(t, one, u.Key(), content)
}

func testSideBySide(t *testing.T, node Place) {
	s := node()
	var all sync.WaitGroup
	same := Bytes(5, 9*mib)
	uploads := make([]*blob.Upload, 8)
	for i := range uploads {
		all.Go(func() {
			u := NewUpload()
			for rest := same; len(rest) > 0; {
				n := min(len(rest), 3*mib)
				if err := s.Append(t.Context(), u, bytes.NewReader(rest[:n])); err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				rest = rest[n:]
			}
			if err := s.Commit(t.Context(), u); err != nil {
				t.Errorf("Commit: %v", err)
			}
			uploads[i] = u
		})
	}
	all.Wait()
	for _, u := range uploads {
		if !t.Failed() {
			Holds(t, s, u.Key(), same)
		}
	}
}

func testCommitAgain(t *testing.T, node Place) {
	for _, size := range []int{0, 100, mib, 13 * mib} {
		content := Bytes(6, size)
		u := NewUpload()
		appendTo(t, node(), u, content[:size/2])
		appendTo(t, node(), u, content[size/2:])
		before := stored(u)
		for range 3 {
			commit(t, node(), u)
			same(t, u, before)
			Holds(t, node(), u.Key(), content)
		}
	}
}

func testUnreadableState(t *testing.T, node Place) {
	s := node()
	good := NewUpload()
	appendTo(t, s, good, Bytes(7, 6*mib))
	for name, spoil := range map[string]func(*blob.Upload){
		"hash of another release": func(u *blob.Upload) { u.Sum = []byte("sha256-v2:" + randomHex(40)) },
		"no hash":                 func(u *blob.Upload) { u.Sum = nil },
		"state of another store":  func(u *blob.Upload) { u.State = []byte("{}") },
		"state that is no JSON":   func(u *blob.Upload) { u.State = []byte("\x00\xff") },
		"tail longer than all":    func(u *blob.Upload) { u.Tail = make([]byte, 100); u.Size = 99 },
		"tail without bounds":     func(u *blob.Upload) { u.Tail = make([]byte, 20*mib); u.Size = 20 * mib },
		"more than is there":      func(u *blob.Upload) { u.Size += 1000 },
		"negative size":           func(u *blob.Upload) { u.Size = -1 },
		"bytes that never came":   func(u *blob.Upload) { *u = blob.Upload{ID: NewUpload().ID, Size: u.Size, Sum: u.Sum} },
	} {
		t.Run(name, func(t *testing.T) {
			u := stored(good)
			spoil(u)
			before := stored(u)
			wantFault(t, s.Append(t.Context(), u, bytes.NewReader(Bytes(8, mib))), fault.UploadNotFound)
			same(t, u, before)
		})
	}
	appendTo(t, s, good, []byte("x"))
	commit(t, s, good)
	Holds(t, s, good.Key(), append(Bytes(7, 6*mib), 'x'))
}

// testCancelled: what came before the request was cancelled is kept, as when the connection broke.
func testCancelled(t *testing.T, node Place) {
	for _, size := range []int{100, 10 * mib} {
		s, u, content := node(), NewUpload(), Bytes(9, size+mib)
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Append(ctx, u, io.MultiReader(bytes.NewReader(content[:size]), cancelling{cancel}, bytes.NewReader(content[size:])))
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Append answered %v", err)
		}
		hasDigest(t, u, content[:size])
		appendTo(t, s, u, content[size:])
		commit(t, s, u)
		Holds(t, s, u.Key(), content)
	}
}

// cancelling cancels the request when it is read.
type cancelling struct{ cancel context.CancelFunc }

func (c cancelling) Read([]byte) (int, error) {
	c.cancel()
	return 0, nil
}

func testInline(t *testing.T, node Place) {
	s, u := node(), NewUpload()
	content := Bytes(10, blob.TailMax)
	for i := 0; i < len(content); i += 10_000 {
		appendTo(t, s, u, content[i:min(i+10_000, len(content))])
	}
	if got, ok := u.Inline(); !ok || !bytes.Equal(got, content) {
		t.Fatalf("an upload of %d bytes is not wholly inline", u.Size)
	}
	appendTo(t, s, u, []byte("more"))
	if _, ok := u.Inline(); ok {
		t.Fatalf("an upload of %d bytes says that it is inline", u.Size)
	}
}
