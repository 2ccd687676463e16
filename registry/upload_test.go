package registry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const large = 300_000 // bytes: more than stays in the row

func (w *world) start(r *registry.Repo) string {
	w.Helper()
	u, err := r.StartUpload(w.Context())
	w.ok(err)
	return u.ID
}

// read is a layer's content, as a puller gets it.
func (w *world) read(r *registry.Repo, d oci.Digest) []byte {
	w.Helper()
	c, err := r.OpenLayer(w.Context(), d)
	w.ok(err)
	defer c.Close()
	b, err := io.ReadAll(c)
	w.ok(err)
	if int64(len(b)) != c.Size || oci.FromBytes(b) != d {
		w.Fatalf("%d bytes with digest %s, want %d with %s", len(b), oci.FromBytes(b), c.Size, d)
	}
	return b
}

// HTTP-21 to HTTP-25, H20: chunks, gaps and overlaps, on every store.
func TestUpload(t *testing.T) {
	stores := map[string]func(t *testing.T) string{
		"files": func(t *testing.T) string { return t.TempDir() },
		"s3":    func(t *testing.T) string { return s3test.Start(t).URL("blobs") },
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sqltest.SQLite(t), store(t), registry.Options{})
			r := w.repo("up")
			ctx := w.Context()
			for _, size := range []int{0, 1, 1000, large, 6 << 20} {
				content := random(size)
				id := w.start(r)
				half := int64(size / 2)
				u, err := r.Append(ctx, id, 0, bytes.NewReader(content[:half]))
				w.ok(err)
				if u.Size != half {
					t.Fatalf("%d bytes are there, want %d", u.Size, half)
				}
				for _, wrong := range []int64{half + 1, half + 100} { // H20
					u, err = r.Append(ctx, id, wrong, bytes.NewReader(content))
					w.refused(err, fault.RangeInvalid, "First byte of the layer part is")
					if u.Size != half {
						t.Fatalf("after a gap %d bytes, want %d", u.Size, half)
					}
				}
				if half > 0 {
					_, err = r.Append(ctx, id, 0, bytes.NewReader(content))
					w.refused(err, fault.RangeInvalid, "First byte of the layer part is 0 instead of ")
				}
				if u, err = r.Upload(ctx, id); err != nil || u.Size != half {
					t.Fatalf("%+v %v", u, err)
				}
				d := oci.FromBytes(content)
				_, _, err = r.CompleteAt(ctx, id, d, half+1, bytes.NewReader(content[half:]))
				w.refused(err, fault.RangeInvalid, "")
				l, existed, err := r.CompleteAt(ctx, id, d, half, bytes.NewReader(content[half:]))
				if err != nil || existed || l.Size != int64(size) {
					t.Fatalf("%+v %v %v", l, existed, err)
				}
				if got := w.read(r, d); !bytes.Equal(got, content) {
					t.Fatal("other bytes")
				}
				// H24: completing again what is complete.
				if l, existed, err = r.Complete(ctx, id, d, nil); err != nil || !existed || l.Size != int64(size) {
					t.Fatalf("again: %+v %v %v", l, existed, err)
				}
				_, _, err = r.Complete(ctx, id, oci.FromBytes([]byte("else")), nil)
				w.refused(err, fault.UploadNotFound, "")
				_, err = r.Append(ctx, id, -1, strings.NewReader("more"))
				w.refused(err, fault.UploadNotFound, "")
				_, err = r.Upload(ctx, id)
				w.refused(err, fault.UploadNotFound, "")
			}
		})
	}
}

// H18, H25, H19: wrong digests, and uploads of somebody else.
func TestUploadRefusals(t *testing.T) {
	each(t, func(w *world) {
		r, other := w.repo("up"), w.repo("other")
		ctx := w.Context()
		id := w.start(r)
		_, err := r.Append(ctx, id, -1, bytes.NewReader(random(large)))
		w.ok(err)
		for _, wrong := range []string{id, "00000000-0000-4000-8000-000000000000", "x", ""} { // H25: the same words for all
			if wrong == id {
				_, err = other.Upload(ctx, wrong)
			} else {
				_, err = r.Upload(ctx, wrong)
			}
			w.refused(err, fault.UploadNotFound, "Upload with id '"+wrong+"' does not exist in the repository with name ")
		}
		_, err = other.Append(ctx, id, -1, strings.NewReader("x"))
		w.refused(err, fault.UploadNotFound, "")
		w.refused(other.Cancel(ctx, id), fault.UploadNotFound, "")
		_, _, err = other.Complete(ctx, id, oci.FromBytes(nil), nil)
		w.refused(err, fault.UploadNotFound, "")

		d := oci.FromBytes([]byte("else"))
		_, _, err = r.Complete(ctx, id, d, nil) // H18: the upload is over, and nothing is visible
		w.refused(err, fault.InvalidLayer, "not '"+string(d)+"'")
		_, err = r.Upload(ctx, id)
		w.refused(err, fault.UploadNotFound, "")
		_, err = r.Layer(ctx, d)
		w.refused(err, fault.LayerNotFound, "")
		_, err = r.PutLayer(ctx, d, bytes.NewReader(random(large)))
		w.refused(err, fault.InvalidLayer, "")

		id = w.start(r)
		w.ok(r.Cancel(ctx, id))
		w.refused(r.Cancel(ctx, id), fault.UploadNotFound, "")
	})
}

// API-60, API-61, H27: parts.
func TestParts(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("parts")
		ctx := w.Context()
		content := random(5<<20 + 100)
		id := w.start(r)
		last, err := r.AppendPart(ctx, id, 0, 5<<20-1, content[:5<<20])
		if err != nil || last != 5<<20-1 {
			t := w.TB
			t.Fatal(last, err)
		}
		for _, c := range []struct {
			first, last int64
			part        []byte
			text        string
		}{
			{0, 5<<20 - 1, content[:5<<20], "First byte of the layer part is 0 instead of 5242880"},
			{5<<20 + 1, 5<<20 + 2, content[:2], "First byte of the layer part is 5242881 instead of 5242880"},
			{5 << 20, 5<<20 + 5, content[:5], "has 5 bytes"},
			{5 << 20, 5 << 20, nil, "has 0 bytes"},
			{5 << 20, 5<<20 + 20<<20, make([]byte, 20<<20+1), "20971520 are allowed"},
		} {
			_, err := r.AppendPart(ctx, id, c.first, c.last, c.part)
			w.refused(err, fault.InvalidLayerPart, c.text)
			part, ok := fault.As(err).Detail.(fault.LayerPart)
			if !ok || part != (fault.LayerPart{RegistryID: vendor, Repository: "parts", UploadID: id, LastValidByte: 5<<20 - 1}) {
				w.Fatalf("detail %+v", fault.As(err).Detail)
			}
		}
		_, err = r.AppendPart(ctx, id, 5<<20, 5<<20+99, content[5<<20:])
		w.ok(err)
		_, _, err = r.Complete(ctx, id, oci.FromBytes(content), nil)
		w.ok(err)
		w.read(r, oci.FromBytes(content))

		id = w.start(r) // two small parts
		for i := range int64(2) {
			_, err = r.AppendPart(ctx, id, i, i, content[i:i+1])
			w.ok(err)
		}
		_, _, err = r.Complete(ctx, id, oci.FromBytes(content[:2]), nil)
		w.refused(err, fault.LayerPartTooSmall, "All layer parts except the last part should be at least 5MB")
	})
}

// broken is a body whose client goes away.
type broken struct{ r io.Reader }

var errGone = errors.New("connection reset")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = errGone
	}
	return n, err
}

// H22: what came before the client went away is there, and the upload goes on.
func TestBrokenBody(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("broken")
		ctx := w.Context()
		for _, size := range []int{10, large} {
			content := random(size)
			for _, how := range []string{"append", "complete"} {
				id := w.start(r)
				_, err := r.Append(ctx, id, 0, bytes.NewReader(content[:3]))
				w.ok(err)
				gone, cancel := context.WithCancel(ctx)
				in := broken{bytes.NewReader(content[3 : size/2])}
				if how == "append" {
					u, err := r.Append(gone, id, -1, in)
					if !errors.Is(err, errGone) || u.Size != int64(size/2) {
						w.Fatalf("%+v %v", u, err)
					}
				} else if _, _, err := r.Complete(gone, id, oci.FromBytes(content), in); !errors.Is(err, errGone) {
					w.Fatal(err)
				}
				cancel()
				u, err := r.Upload(ctx, id)
				if err != nil || u.Size != int64(size/2) {
					w.Fatalf("%s: %+v %v", how, u, err)
				}
				_, _, err = r.Complete(ctx, id, oci.FromBytes(content), bytes.NewReader(content[size/2:]))
				w.ok(err)
				w.read(r, oci.FromBytes(content))
			}
		}
	})
}

// steps is a body that comes when the test says so.
type steps struct{ come chan []byte }

func (s *steps) Read(p []byte) (int, error) {
	b, ok := <-s.come
	if !ok {
		return 0, io.EOF
	}
	return copy(p, b), nil
}

// H23: while one request writes to an upload, every other is refused and does no harm.
func TestTwoWriters(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("two")
		content, evil := random(large), random(large)
		id := w.start(r)
		body := &steps{make(chan []byte)}
		done := make(chan error)
		first, ctx := w.again("two"), w.Context()
		go func() {
			_, err := first.Append(ctx, id, 0, body)
			done <- err
		}()
		body.come <- content[:1000] // it is reading, so it holds the upload
		_, err := r.Append(ctx, id, 0, bytes.NewReader(evil))
		w.refused(err, fault.UploadBusy, "")
		_, _, err = r.Complete(ctx, id, oci.FromBytes(evil), bytes.NewReader(evil))
		w.refused(err, fault.UploadBusy, "")
		_, _, err = r.Complete(ctx, id, oci.FromBytes(evil), nil)
		w.refused(err, fault.UploadBusy, "")
		_, err = r.AppendPart(ctx, id, 0, 9, evil[:10])
		w.refused(err, fault.UploadBusy, "")
		w.refused(r.Cancel(ctx, id), fault.UploadBusy, "")
		if u, err := r.Upload(ctx, id); err != nil || u.Size != 0 { // looking is free
			w.Fatal(u, err)
		}
		for rest := content[1000:]; len(rest) > 0; {
			n := min(len(rest), 32<<10)
			body.come <- rest[:n]
			rest = rest[n:]
		}
		close(body.come)
		w.ok(<-done)
		_, _, err = r.Complete(ctx, id, oci.FromBytes(content), nil)
		w.ok(err)
		w.read(r, oci.FromBytes(content))
	})
}

// H23 again, as a race: many writers of different bytes at one offset. Whoever wins, what is stored has the digest that it is stored under: a loser that
// had read the upload's row early must not write over the winner's bytes.
func TestWritersRace(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("race")
		ctx := w.Context()
		for range 25 {
			id := w.start(r)
			_, err := r.Append(ctx, id, 0, bytes.NewReader(make([]byte, 70_000))) // past what stays in the row
			w.ok(err)
			var all sync.WaitGroup
			var mu sync.Mutex
			won := map[byte]bool{}
			for b := byte(1); b <= 6; b++ {
				handle := w.again("race")
				all.Go(func() {
					time.Sleep(time.Duration(b) * 300 * time.Microsecond)
					_, err := handle.Append(ctx, id, 70_000, bytes.NewReader(bytes.Repeat([]byte{b}, 70_000)))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won[b] = true
					} else if !fault.Is(err, fault.UploadBusy) && !fault.Is(err, fault.RangeInvalid) {
						w.Error(err)
					}
				})
			}
			all.Wait()
			if len(won) != 1 {
				w.Fatalf("%d writers won", len(won))
			}
			for b := range won {
				d := oci.FromBytes(append(make([]byte, 70_000), bytes.Repeat([]byte{b}, 70_000)...))
				_, _, err := r.Complete(ctx, id, d, nil)
				w.ok(err)
				w.read(r, d)
			}
		}
	})
}

// H24: two requests complete one upload; both have succeeded.
func TestTwoCompleters(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("both")
		for _, size := range []int{10, large} {
			content := random(size)
			id := w.start(r)
			_, err := r.Append(w.Context(), id, -1, bytes.NewReader(content))
			w.ok(err)
			var all sync.WaitGroup
			for range 4 {
				handle := w.again("both")
				all.Go(func() {
					if _, _, err := handle.Complete(w.Context(), id, oci.FromBytes(content), nil); err != nil {
						w.Error(err)
					}
				})
			}
			all.Wait()
			w.read(r, oci.FromBytes(content))
		}
	})
}

// I7, F12, H29: uploads that were left alone for a day are removed, however many they are; others stay.
func TestAbandonedUploads(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		folder := t.TempDir()
		w := newWorld(t, dsn, folder, registry.Options{Limits: registry.Limits{Uploads: 300}})
		r := w.repo("left")
		ctx := w.Context()
		for i := range 250 {
			id := w.start(r)
			if i < 3 {
				_, err := r.Append(ctx, id, -1, bytes.NewReader(random(large)))
				w.ok(err)
			}
		}
		w.clock.advance(23 * time.Hour)
		kept := w.start(r)
		_, err := r.Append(ctx, kept, -1, bytes.NewReader(random(large)))
		w.ok(err)
		n, err := w.ExpireUploads(ctx)
		if err != nil || n != 0 {
			t.Fatalf("%d uploads of less than a day were removed: %v", n, err)
		}
		w.clock.advance(2 * time.Hour)
		if n, err = w.ExpireUploads(ctx); err != nil || n != 250 {
			t.Fatalf("%d uploads were removed, want 250: %v", n, err)
		}
		if _, left := objects(t, folder); left != 1 {
			t.Errorf("%d files of uploads are left, want 1", left)
		}
		if u, err := r.Upload(ctx, kept); err != nil || u.Size != large {
			t.Errorf("%+v %v", u, err)
		}
	})
}

// I7: what a layer in one request has brought so far belongs to no row, and is no leftover however long the request takes.
func TestSweepDuringAPush(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("slow")
		content := random(1 << 20)
		body := &steps{make(chan []byte)}
		done := make(chan error)
		go func() {
			_, err := r.PutLayer(w.Context(), oci.FromBytes(content), body)
			done <- err
		}()
		const piece = 32 << 10
		for at := 0; at < len(content); at += piece {
			if at == 3*len(content)/4 { // more than is kept in memory
				w.clock.advance(25 * time.Hour)
				_, err := w.ExpireUploads(w.Context())
				w.ok(err)
				if _, left := objects(w, w.blobsURL); left != 1 {
					w.Errorf("%d files of uploads are left, want 1", left)
				}
			}
			body.come <- content[at : at+piece]
		}
		close(body.come)
		w.ok(<-done)
		w.read(r, oci.FromBytes(content))
	})
}

// H29: one principal's uploads have a limit; others are not affected.
func TestOpenUploadsAreLimited(t *testing.T) {
	eachWith(t, registry.Options{Limits: registry.Limits{Uploads: 5}}, func(w *world) {
		r := w.repo("many")
		var ids []string
		for range 5 {
			ids = append(ids, w.start(r))
		}
		_, err := r.StartUpload(w.Context())
		w.refused(err, fault.LimitExceeded, "You have 5 uploads open, which is the limit")
		other, err := w.Open(w.call(w.user(vendor, "other", "ecr:*")), ref("many"), "ecr:InitiateLayerUpload")
		w.ok(err)
		_, err = other.StartUpload(w.Context())
		w.ok(err)
		w.ok(r.Cancel(w.Context(), ids[0]))
		w.start(r)
	})
}
