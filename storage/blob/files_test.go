package blob_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/blobtest"
)

func TestFiles(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Place {
		dir := t.TempDir()
		return func() blob.Store { return openFiles(t, dir) }
	})
}

func openFiles(t testing.TB, dir string) *blob.Files {
	t.Helper()
	s, err := blob.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFilesPrivate: nobody else on the machine reads images from the folder, whatever the umask.
func TestFilesPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "blobs")
	s := openFiles(t, dir)
	blobtest.Push(t, s, blobtest.Bytes(1, 100_000))
	begun := blobtest.NewUpload()
	if err := s.Append(t.Context(), begun, bytes.NewReader(blobtest.Bytes(2, 100_000))); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil || files != 2 {
		t.Fatalf("%d files, %v", files, err)
	}
}

// TestFilesSendfile: net/http hands only an *os.File to sendfile.
func TestFilesSendfile(t *testing.T) {
	s := openFiles(t, t.TempDir())
	u := blobtest.Push(t, s, blobtest.Bytes(3, 100_000))
	c, err := s.Open(t.Context(), u.Key(), u.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, ok := c.(*os.File); !ok {
		t.Errorf("Open answers a %T", c)
	}
}

// TestFilesStrangers: what else lies in the folder is not berth's to report or to remove.
func TestFilesStrangers(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	id := blobtest.NewUpload().ID
	strangers := []string{"upload/README", "upload/" + id + ".old", "blob/README", "blob/x/" + id, "blob/lost+found/x", "blob/" + id[34:] + "/notes"}
	for _, name := range strangers {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "upload", id), 0o700); err != nil {
		t.Fatal(err)
	}
	err := s.Walk(t.Context(), func(key blob.Key, _ int64, _ time.Time) error {
		t.Errorf("Walk names %s", key)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour), func(string) (bool, error) { return false, nil }); n != 0 || err != nil {
		t.Errorf("Sweep removed %d, %v", n, err)
	}
	for _, name := range strangers {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestFilesShortened: a file that lost its end, or all of its content, is never served as if it were whole (F03, F07).
func TestFilesShortened(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	u := blobtest.Push(t, s, blobtest.Bytes(4, 100_000))
	for _, size := range []int64{99_999, 0} {
		if err := os.Truncate(filepath.Join(dir, "blob", u.ID[34:], u.ID), size); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), u.Key(), u.Size); !errors.Is(err, blob.ErrSize) {
			t.Errorf("Open of a file with %d bytes of 100000: %v, want ErrSize", size, err)
		}
	}
	begun, content := blobtest.NewUpload(), blobtest.Bytes(5, 300_000)
	if err := s.Append(t.Context(), begun, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "upload", begun.ID), 1000); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Append(t.Context(), begun, bytes.NewReader(content)), s.Commit(t.Context(), begun)} {
		if !fault.Is(err, fault.UploadNotFound) {
			t.Errorf("an upload whose file was shortened goes on: %v", err)
		}
	}
}

// TestFilesFolderRemoved: somebody tidied an empty folder away under a running server.
func TestFilesFolderRemoved(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	content := blobtest.Bytes(6, 100_000)
	u := blobtest.Push(t, s, content)
	if err := s.Delete(t.Context(), u.Key()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "blob", u.ID[34:])); err != nil {
		t.Fatal(err)
	}
	next := &blob.Upload{ID: blobtest.NewUpload().ID[:34] + u.ID[34:]}
	if err := s.Append(t.Context(), next, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), next); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("Commit into a folder that is gone: %v", err)
	}
	if err := s.Commit(t.Context(), next); err != nil {
		t.Fatalf("Commit again: %v", err)
	}
	blobtest.Holds(t, s, next.Key(), content)
}

func TestOpenURL(t *testing.T) {
	dir := t.TempDir()
	for _, url := range []string{dir, "file://" + dir, "file://" + dir + "/with%20space"} {
		if _, err := blob.Open(t.Context(), url); err != nil {
			t.Errorf("Open(%q): %v", url, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "with space", "blob")); err != nil {
		t.Error(err)
	}
	for _, url := range []string{
		"file://relative/dir", "file:///dir?x=1", "ftp://host/dir", "s3://", "s3:///prefix", "s3://KEY@bucket", "s3://:s3cret@bucket", "s3://KEY:s3cret@b ucket",
		"s3://KEY:s3cret%zz@bucket", "s3://KEY:s3cret@bucket?path-stile=true", "s3://KEY:s3cret@bucket?path-style=yes", "s3://KEY:s3cret@bucket?region=a&region=b",
		"s3://KEY:s3cret@bucket?endpoint=localhost:7070", "s3://KEY:s3cret@bucket?endpoint=http://u:s3cret@h", "s3://KEY:s3cret@bucket?sse=rot13",
		"s3://KEY:s3cret@bucket?kms-key=k", "s3://KEY:s3cret@bucket?redirect-endpoint=http://h", "s3://KEY:s3cret@bucket?region=", "s3://KEY:s3cret@bucket#x",
		"s3://KEY:s3cret@bucket?endpoint=http://127.0.0.1:1&path-style=true",
	} {
		_, err := blob.Open(t.Context(), url)
		if err == nil {
			t.Errorf("Open(%q) succeeded", url)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open(%q) shows the secret: %v", url, err)
		}
	}
	if _, err := blob.Open(t.Context(), filepath.Join(os.DevNull, "x")); err == nil {
		t.Error("a folder below a file was opened")
	}
}

// H23: of two processes, here two stores, one holds an upload; a lock that a dead one left is no obstacle, and is swept.
func TestFilesHold(t *testing.T) {
	dir := t.TempDir()
	one, two := openFiles(t, dir), openFiles(t, dir)
	const id = "8d5a4b9a-0b1c-4f6e-9d3a-2f1e0d9c8b7a"
	release, err := one.Hold(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*blob.Files{one, two} {
		if _, err := s.Hold(t.Context(), id); !fault.Is(err, fault.UploadBusy) {
			t.Errorf("%v", err)
		}
	}
	if _, err := two.Sweep(t.Context(), time.Now().Add(time.Hour), func(string) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Hold(t.Context(), id); !fault.Is(err, fault.UploadBusy) {
		t.Errorf("the sweep took a lock away: %v", err)
	}
	release()
	if release, err = two.Hold(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := one.Hold(t.Context(), "../../etc/passwd"); !fault.Is(err, fault.UploadNotFound) {
		t.Errorf("%v", err)
	}
	dead := filepath.Join(dir, "upload", id+".lock")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if release, err = one.Hold(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	release()
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Sweep(t.Context(), time.Now().Add(time.Hour), func(string) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock is still there: %v", err)
	}
}
