package fault_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system in memory.
func smallDisk(t testing.TB, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// stuff fills a file system up, but for so many bytes.
func stuff(t testing.TB, dir string, but int64) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "stuffing"))
	if err != nil {
		t.Fatal(err)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	if n := int64(disk.Bavail)*disk.Bsize - but; n > 0 {
		err = syscall.Fallocate(int(file.Fd()), 0, 0, n)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// refusal says what is wrong with how a push was refused on a full disk; "" is nothing.
func refusal(status int, header http.Header, body []byte, dir string) string {
	switch {
	case status != http.StatusServiceUnavailable:
		return "its status is not 503"
	case header.Get("Retry-After") == "":
		return "it does not say when to try again"
	case !strings.HasPrefix(string(body), `{"errors":[{"code":"UNAVAILABLE"`) || !strings.Contains(string(body), "disk is full"):
		return "it does not say what is wrong"
	case strings.Contains(string(body), dir):
		return "it names a path of the server"
	}
	return ""
}

// stopped pushes until the disk is full: each push is acknowledged, or refused as it should be.
func stopped(t *testing.T, b *berth, o *oracle, random *rand.Rand, prefix, dir string, sizes ...int) {
	t.Helper()
	for n := range 2000 {
		i := newImage(random, fmt.Sprintf("%s%d", prefix, n), nil, sizes...)
		var status int
		var header http.Header
		var body []byte
		var err error
		for _, content := range i.blobs {
			if status, header, body, err = b.ask("POST", b.path("/blobs/uploads/?digest=%s", digest(content)), content, "application/octet-stream"); err != nil || status != 201 {
				break
			}
		}
		if err == nil && status == 201 {
			status, header, body, err = b.ask("PUT", b.path("/manifests/%s", i.tag), i.manifest, imageManifest)
		}
		if err != nil {
			t.Fatal(err)
		}
		if status == 201 {
			o.there[i.tag] = i
			continue
		}
		if wrong := refusal(status, header, body, dir); wrong != "" {
			t.Fatalf("a push to a full disk was answered %d %s: %s", status, body, wrong)
		}
		return
	}
	t.Fatal("the disk never was full")
}

// F09, F10, F11: the disk is full, or takes no more files, at any write of a push. Pushes are refused with what a client understands, pulls and deletions go on, in the reserve where
// that is needed, and when there is space again so do pushes, without a restart.
func TestDiskFull(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		sizes   []int
		stuff   func(t *testing.T, dir string)
		full    bool // of the database
		apart   bool // the database has a disk of its own: it is the store for layers that refuses, and not the database a moment before
	}{
		"blobs (F09)":    {"size=80m", []int{300_000}, func(t *testing.T, dir string) { stuff(t, dir, 700_000) }, false, true},
		"database (F11)": {"size=80m", []int{60_000, 60_000}, func(t *testing.T, dir string) { stuff(t, dir, 0) }, true, false},
		"inodes (F10)": {"size=80m,nr_inodes=600", []int{300_000}, func(t *testing.T, dir string) {
			for n := 0; ; n++ {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("stuffing%d", n)), nil, 0o600); err != nil {
					return
				}
			}
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t, c.options)
			data := dir
			if c.apart {
				data = smallDisk(t, c.options)
			}
			b := newBerth(t, build(t, ""), data+"/data", dir+"/blobs")
			o, random := newOracle(), rand.New(rand.NewPCG(1, 2))
			for n := range 12 {
				if err := o.push(t.Context(), b, newImage(random, fmt.Sprintf("old%d", n), nil, 5_000, 100_000)); err != nil {
					t.Fatal(err)
				}
			}
			c.stuff(t, dir)
			stopped(t, b, o, random, "more", dir, c.sizes...)
			if full := b.metric("berth_disk_full"); c.full && full != "1" {
				t.Errorf("the metric says %q", full)
			}
			for range 8 { // deletions and pulls go on, and there is no more push
				if err := o.remove(t.Context(), b); err != nil {
					t.Fatalf("an image cannot be deleted: %v", err)
				}
			}
			for _, f := range o.compare(t, b, true) {
				t.Errorf("while the disk is full: %s %s", f.kind, f.what)
			}
			if status := b.health(); status != 200 {
				t.Errorf("a full disk makes the server unhealthy: %d", status)
			}
			all, err := filepath.Glob(filepath.Join(dir, "stuffing*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range all {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			soon(t, "pushes are taken again", 10*time.Second, func() bool {
				return o.push(t.Context(), b, newImage(random, fmt.Sprintf("after%d", len(o.there)), nil, 300_000)) == nil
			})
			soon(t, "there is a reserve again", 10*time.Second, func() bool { return b.metric("berth_disk_full") == "0" })
			if !exists(filepath.Join(data, "data", "berth.db-reserve")) {
				t.Error("there is no reserve")
			}
			b.kill()
			b.launch()
			if err := b.ready(); err != nil {
				t.Fatal(err)
			}
			for _, f := range o.compare(t, b, true) {
				t.Errorf("%s: %s", f.kind, f.what)
			}
			b.fsck(t, "--deep")
		})
	}
}
