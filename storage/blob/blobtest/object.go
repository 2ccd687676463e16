package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
)

func testOpenWrong(t *testing.T, node Place) {
	s := node()
	content := Bytes(20, 100_000)
	u := Push(t, s, content)
	for _, size := range []int64{0, 99_999, 100_001, -1} {
		if _, err := s.Open(t.Context(), u.Key(), size); !errors.Is(err, blob.ErrSize) {
			t.Errorf("Open as %d bytes: %v, want ErrSize", size, err)
		}
	}
	if _, err := s.Open(t.Context(), NewUpload().Key(), 10); !errors.Is(err, blob.ErrMissing) {
		t.Errorf("Open of what was never stored: %v, want ErrMissing", err)
	}
	begun := NewUpload()
	appendTo(t, s, begun, content)
	if _, err := s.Open(t.Context(), begun.Key(), begun.Size); !errors.Is(err, blob.ErrMissing) {
		t.Errorf("Open of an upload that was not committed: %v, want ErrMissing", err)
	}
}

func testVerify(t *testing.T, node Place) {
	s := node()
	content := Bytes(26, 100_000)
	key, of := Push(t, s, content).Key(), oci.FromBytes(content)
	other := oci.FromBytes(nil)
	broken := errors.New("the reader is tired")
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		ctx     context.Context
		key     blob.Key
		size    int64
		digest  oci.Digest
		through func(io.Reader) io.Reader
		damage  blob.Damage
		err     error
	}{
		{t.Context(), key, 100_000, of, nil, "", nil},
		{t.Context(), key, 99_999, of, nil, "has an object of another size", nil},
		{t.Context(), key, 100_000, other, nil, blob.Mismatch(of), nil},
		{t.Context(), NewUpload().Key(), 100_000, of, nil, blob.Missing, nil},
		{t.Context(), key, 100_000, of, func(r io.Reader) io.Reader { return io.LimitReader(r, 7) }, "ends after 7 of 100000 bytes", nil},
		{t.Context(), key, 100_000, of, func(io.Reader) io.Reader { return failing{syscall.EIO} }, "", syscall.EIO}, // whatever the reader writes to is no layer
		{t.Context(), key, 100_000, of, func(io.Reader) io.Reader { return failing{broken} }, "", broken},
		{ended, key, 100_000, of, nil, "", context.Canceled},
	} {
		if damage, err := blob.Verify(c.ctx, s, c.key, c.size, c.digest, c.through); damage != c.damage || !errors.Is(err, c.err) {
			t.Errorf("Verify: %q, %v; want %q, %v", damage, err, c.damage, c.err)
		}
	}
	sick := sickly{s}
	if damage, err := blob.Verify(t.Context(), sick, key, 100_000, of, func(r io.Reader) io.Reader { return r }); damage != "cannot be read: the disk reports an error" || err != nil {
		t.Errorf("Verify of what its disk cannot read: %q, %v", damage, err)
	}
	for size, want := range map[int64]blob.Damage{100_000: "", 1: "has an object of another size"} {
		if damage, err := blob.Look(t.Context(), s, key, size); damage != want || err != nil {
			t.Errorf("Look as %d bytes: %q, %v", size, damage, err)
		}
	}
}

// sickly is a store whose disk reports an error in the middle of what it holds.
type sickly struct{ blob.Store }

func (s sickly) Open(ctx context.Context, key blob.Key, size int64) (blob.Content, error) {
	content, err := s.Store.Open(ctx, key, size)
	return sickContent{content}, err
}

type sickContent struct{ blob.Content }

func (sickContent) Read([]byte) (int, error) { return 0, syscall.EIO }

func testHostileNames(t *testing.T, node Place) {
	s := node()
	good := Push(t, s, Bytes(21, 100_000))
	id := NewUpload().ID
	for _, name := range []string{"", ".", "..", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", strings.ToUpper(id), id[:35], id + "0", id + "/",
		id + "\x00", id[:35] + "/", "../" + id[:33], id[:8] + "/" + id[9:], "sha256/../" + id[10:], strings.Repeat("a", 36), strings.Repeat("../", 12),
		"{" + id[1:35] + "}", id[:35] + "é", "x/../" + string(good.Key())} {
		u := &blob.Upload{ID: name}
		wantFault(t, s.Append(t.Context(), u, bytes.NewReader(Bytes(22, 100_000))), fault.UploadNotFound)
		wantFault(t, s.Commit(t.Context(), u), fault.UploadNotFound)
		wantFault(t, s.Abort(t.Context(), u), fault.UploadNotFound)
		same(t, u, &blob.Upload{ID: name})
		if _, err := s.Open(t.Context(), blob.Key(name), 10); !errors.Is(err, blob.ErrMissing) {
			t.Errorf("Open(%q): %v, want ErrMissing", name, err)
		}
		if err := s.Delete(t.Context(), blob.Key(name)); !errors.Is(err, blob.ErrMissing) {
			t.Errorf("Delete(%q): %v, want ErrMissing", name, err)
		}
		if url, ok := s.URL(t.Context(), blob.Key(name), blob.Disposition{}); ok {
			t.Errorf("URL(%q) = %s", name, url)
		}
	}
	if got := listed(t, s); len(got) != 1 || got[good.Key()] != 100_000 {
		t.Errorf("afterwards the store holds %v", got)
	}
}

func testAbortDelete(t *testing.T, node Place) {
	s := node()
	for _, size := range []int{0, 100, mib, 12 * mib} {
		u := NewUpload()
		appendTo(t, s, u, Bytes(23, size))
		for range 2 {
			if err := s.Abort(t.Context(), stored(u)); err != nil {
				t.Fatalf("Abort: %v", err)
			}
		}
		if _, inline := u.Inline(); !inline && u.Size > 6*mib {
			wantFault(t, s.Append(t.Context(), u, bytes.NewReader(Bytes(24, 9*mib))), fault.UploadNotFound)
			wantFault(t, s.Commit(t.Context(), u), fault.UploadNotFound)
		}

		u = Push(t, s, Bytes(25, size))
		if err := s.Abort(t.Context(), u); err != nil {
			t.Fatalf("Abort of a committed upload: %v", err)
		}
		Holds(t, s, u.Key(), Bytes(25, size))
		for range 2 {
			if err := s.Delete(t.Context(), u.Key()); err != nil {
				t.Fatalf("Delete: %v", err)
			}
		}
		if _, err := s.Open(t.Context(), u.Key(), u.Size); !errors.Is(err, blob.ErrMissing) {
			t.Errorf("Open of a deleted object: %v, want ErrMissing", err)
		}
	}
	if got := listed(t, s); len(got) != 0 {
		t.Errorf("afterwards the store holds %v", got)
	}
}

func testWalk(t *testing.T, node Place) {
	s := node()
	if got := listed(t, s); len(got) != 0 {
		t.Fatalf("an empty store holds %v", got)
	}
	want := map[blob.Key]int64{}
	for i := range 20 {
		u := Push(t, s, Bytes(uint64(30+i), i*20_000))
		want[u.Key()] = u.Size
	}
	begun := NewUpload()
	appendTo(t, s, begun, Bytes(50, 9*mib))
	got := listed(t, s)
	if len(got) != len(want) {
		t.Errorf("Walk found %d objects of %d", len(got), len(want))
	}
	for key, size := range want {
		if got[key] != size {
			t.Errorf("Walk says that %s has %d bytes, want %d", key, got[key], size)
		}
	}
	calls, stop := 0, errors.New("stop")
	if err := s.Walk(t.Context(), func(blob.Key, int64, time.Time) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("after an error Walk went on: %d calls, %v", calls, err)
	}
}

// listed are the objects that a walk of s finds, with their sizes.
func listed(t testing.TB, s blob.Store) map[blob.Key]int64 {
	t.Helper()
	found := map[blob.Key]int64{}
	err := s.Walk(t.Context(), func(key blob.Key, size int64, stored time.Time) error {
		if _, twice := found[key]; twice {
			t.Errorf("Walk names %s twice", key)
		}
		if age := time.Since(stored); age < -time.Hour || age > time.Hour {
			t.Errorf("Walk says that %s was stored at %s", key, stored)
		}
		found[key] = size
		return nil
	})
	if err != nil {
		t.Fatalf("Walk: %v", err)
	}
	return found
}

func testSweep(t *testing.T, node Place) {
	s := node()
	content := Bytes(60, 9*mib)
	left, wanted := NewUpload(), NewUpload()
	appendTo(t, s, left, content)
	appendTo(t, s, wanted, content)
	object := Push(t, s, content)
	busy := NewUpload() // its owner knows that it is being written to
	live := func(id string) (bool, error) { return id == wanted.ID || id == busy.ID, nil }

	if n, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour), live); n != 0 || err != nil {
		t.Fatalf("Sweep of what is older than an hour removed %d uploads, %v", n, err)
	}
	later := time.Now().Add(time.Hour)
	down := errors.New("database is down")
	if n, err := s.Sweep(t.Context(), later, func(string) (bool, error) { return false, down }); n != 0 || !errors.Is(err, down) {
		t.Fatalf("Sweep without knowing what is live removed %d uploads, %v", n, err)
	}
	in, out := io.Pipe()
	done := make(chan error)
	go func() { done <- s.Append(context.WithoutCancel(t.Context()), busy, in) }()
	if _, err := out.Write(content); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), later, live); n != 1 || err != nil {
		t.Fatalf("Sweep removed %d uploads, %v; want 1", n, err)
	}
	if n, err := s.Sweep(t.Context(), later, live); n != 0 || err != nil {
		t.Fatalf("a second Sweep removed %d uploads, %v", n, err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantFault(t, s.Append(t.Context(), left, bytes.NewReader(content)), fault.UploadNotFound)
	for _, u := range []*blob.Upload{wanted, busy} {
		commit(t, s, u)
		Holds(t, s, u.Key(), content)
	}
	Holds(t, s, object.Key(), content)
}

func testSeek(t *testing.T, node Place) {
	s := node()
	content := Bytes(70, 3*mib)
	u := Push(t, s, content)
	c, err := s.Open(t.Context(), u.Key(), u.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, step := range []struct {
		offset int64
		whence int
		want   int64
	}{{0, io.SeekEnd, 3 * mib}, {0, io.SeekStart, 0}, {-100, io.SeekEnd, 3*mib - 100}, {mib, io.SeekStart, mib}, {1000, io.SeekCurrent, mib + 2000}} {
		at, err := c.Seek(step.offset, step.whence)
		if err != nil || at != step.want {
			t.Fatalf("Seek(%d, %d) = %d, %v; want %d", step.offset, step.whence, at, err, step.want)
		}
		p := make([]byte, 1000)
		n, err := io.ReadFull(c, p)
		want := content[at:min(at+1000, 3*mib)]
		if !bytes.Equal(p[:n], want) || (n == 1000) != (err == nil) {
			t.Fatalf("after Seek to %d: read %d bytes, %v", at, n, err)
		}
	}
	if _, err := c.Seek(-1, io.SeekStart); err == nil {
		t.Error("Seek to before the beginning succeeded")
	}

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.Open(r.Context(), u.Key(), u.Size)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		http.ServeContent(w, r, "", time.Time{}, c)
	}))
	defer server.Close()
	for header, want := range map[string][]byte{
		"": content, "bytes=0-": content, "bytes=10-19": content[10:20], "bytes=-5": content[3*mib-5:], "bytes=1048576-": content[mib:],
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			request.Header.Set("Range", header)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("Range %q: %s, %d bytes, %v; want %d bytes", header, response.Status, len(got), err, len(want))
		}
	}
}
