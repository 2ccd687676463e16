package blob_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/blobtest"
)

// tmpfs mounts a file system of its own for t.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// wantFull fails t unless err tells the client what is wrong and what to do, and nothing of the machine (F09).
func wantFull(t *testing.T, err error, dir string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Code != fault.Unavailable || !strings.Contains(f.Message, "disk is full") || strings.Contains(f.Message, dir) {
		t.Fatalf("a full disk is reported as %v", err)
	}
}

// TestFilesDiskFull: an upload that does not fit leaves what it was, what is stored can be read and deleted, and when there is space again the upload goes
// on, without a restart (F09).
func TestFilesDiskFull(t *testing.T) {
	dir := tmpfs(t, "size=8m")
	s := openFiles(t, filepath.Join(dir, "blobs"))
	kept := blobtest.Bytes(1, 3<<20)
	old := blobtest.Push(t, s, kept)

	content := blobtest.Bytes(2, 6<<20)
	u := blobtest.NewUpload()
	if err := s.Append(t.Context(), u, bytes.NewReader(content[:1<<20])); err != nil {
		t.Fatal(err)
	}
	before := *u
	for range 3 {
		wantFull(t, s.Append(t.Context(), u, bytes.NewReader(content[1<<20:])), dir)
		if u.Size != before.Size || !bytes.Equal(u.Sum, before.Sum) || len(u.Tail) != len(before.Tail) {
			t.Fatalf("the upload has changed: %d bytes", u.Size)
		}
	}
	// What did not fit takes no space: another upload fits.
	other := blobtest.Push(t, s, blobtest.Bytes(3, 3<<20))
	blobtest.Holds(t, s, old.Key(), kept)

	fresh := blobtest.NewUpload()
	wantFull(t, s.Append(t.Context(), fresh, bytes.NewReader(content)), dir)
	if fresh.Size != 0 || fresh.Sum != nil {
		t.Fatalf("the upload has changed: %+v", fresh)
	}
	if names, err := os.ReadDir(filepath.Join(dir, "blobs", "upload")); err != nil || len(names) != 1 {
		t.Errorf("what did not fit has left %v, %v", names, err)
	}

	for _, key := range []blob.Key{old.Key(), other.Key()} {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Append(t.Context(), u, bytes.NewReader(content[1<<20:])); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	blobtest.Holds(t, s, u.Key(), content)
}

// TestFilesTailDoesNotFit: only the last bytes of an upload, which waited in its row, find no space.
func TestFilesTailDoesNotFit(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	s := openFiles(t, filepath.Join(dir, "blobs"))
	content := blobtest.Bytes(4, 1<<20)
	u := blobtest.NewUpload()
	for _, end := range []int{1<<20 - 4096, 1<<20 - 100, 1 << 20} {
		if err := s.Append(t.Context(), u, bytes.NewReader(content[u.Size:end])); err != nil {
			t.Fatal(err)
		}
	}
	stuffing := filepath.Join(dir, "stuffing")
	if err := os.WriteFile(stuffing, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFull(t, s.Commit(t.Context(), u), dir)
	if err := os.Remove(stuffing); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	blobtest.Holds(t, s, u.Key(), content)
}

// TestFilesInodesFull: there is space, but for no more names (F10).
func TestFilesInodesFull(t *testing.T) {
	dir := tmpfs(t, "size=64m,nr_inodes=20")
	s := openFiles(t, filepath.Join(dir, "blobs"))
	content := blobtest.Bytes(5, 100_000)
	var stored []*blob.Upload
	var err error
	for len(stored) < 20 && err == nil {
		u := blobtest.NewUpload()
		if err = s.Append(t.Context(), u, bytes.NewReader(content)); err == nil {
			err = s.Commit(t.Context(), u)
		}
		if err == nil {
			stored = append(stored, u)
		}
	}
	wantFull(t, err, dir)
	for _, u := range stored {
		blobtest.Holds(t, s, u.Key(), content)
	}
	// The last upload may have left a file, and each object its folder: what is deleted has to be enough.
	for _, u := range stored {
		if err := s.Delete(t.Context(), u.Key()); err != nil {
			t.Fatal(err)
		}
	}
	next := blobtest.Push(t, s, content)
	blobtest.Holds(t, s, next.Key(), content)
}
