package fault_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// objectOf finds the file of a blob by its bytes.
func objectOf(t *testing.T, b *berth, content []byte) (path string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(b.blobs, "blob"), func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(at)
		if string(text) == string(content) {
			path = at
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("the file of a blob is not found: %v", err)
	}
	return path
}

// F07: bytes of a layer change, or go, under a running server that has served them before. Nobody gets wrong bytes with a clean end, from then on the layer is an error to those
// who pull and missing to those who push, and the push of the same image mends it.
func TestDamagedLayers(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(16, 17))
	for name, c := range map[string]struct {
		size  int
		spoil func(file *os.File, size int64) error
	}{
		"a bit":        {300_000, func(f *os.File, size int64) error { _, err := f.WriteAt([]byte{0xff, 0}, size/2); return err }},
		"the last bit": {70_000, func(f *os.File, size int64) error { _, err := f.WriteAt([]byte{0xff, 0}, size-2); return err }},
		"the end":      {300_000, func(f *os.File, size int64) error { return f.Truncate(size - 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			i := newImage(random, "i"+strings.ReplaceAll(name, " ", ""), nil, c.size)
			i.blobs[1][c.size/2], i.blobs[1][c.size-2] = 1, 1
			i = imageOf(i.tag, i.blobs)
			if err := o.push(t.Context(), b, i); err != nil {
				t.Fatal(err)
			}
			blob := b.path("/blobs/%s", i.layer())
			for range 2 {
				if status, _, got, err := b.ask("GET", blob, nil, ""); err != nil || status != 200 || string(got) != string(i.blobs[1]) {
					t.Fatalf("%d %v", status, err)
				}
			}
			file, err := os.OpenFile(objectOf(t, b, i.blobs[1]), os.O_RDWR, 0)
			if err == nil {
				err = errors.Join(c.spoil(file, int64(c.size)), file.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			if status, _, got, err := b.ask("GET", blob, nil, ""); err == nil && status == 200 {
				t.Errorf("damaged bytes came with a clean end: %d of %d", len(got), c.size)
			}
			if status, _, _, err := b.ask("GET", blob, nil, ""); err != nil || status != 500 {
				t.Errorf("the second pull is answered %d, %v", status, err)
			}
			if status, _, _, err := b.ask("HEAD", blob, nil, ""); err != nil || status != 404 {
				t.Errorf("those who push are told %d, %v", status, err)
			}
			if err := o.push(t.Context(), b, i); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, f := range o.compare(t, b, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	b.fsck(t, "--deep")
}

// found runs fsck and wants it to find things that have some text.
func found(t *testing.T, b *berth, texts ...string) {
	t.Helper()
	out, err := exec.Command(b.program, "fsck", "--deep", "--data", b.data, "--blobs", b.blobs).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() < 1 || exit.ExitCode() > 2 || strings.Contains(string(out), "goroutine") {
		t.Errorf("berth fsck ended with %v: %s", err, out)
	}
	for _, text := range texts {
		if !strings.Contains(string(out), text) {
			t.Errorf("berth fsck does not name %q: %s", text, out)
		}
	}
}

// F29: one manifest is damaged, one is missing. The server starts and serves the rest, never what is damaged; fsck names both; no layer of theirs goes; the pushes of the same images
// mend them.
func TestDamagedManifests(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(18, 19))
	var images []*image
	for n := range 6 {
		images = append(images, newImage(random, fmt.Sprint("i", n), nil, 300_000))
		if err := o.push(t.Context(), b, images[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.end(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	change(t, b, `UPDATE manifest SET body = substr(body, 1, 20) || 'x' || substr(body, 22) WHERE digest = '`+images[0].digest+`'`, `DELETE FROM manifest WHERE digest = '`+images[1].digest+`'`)
	b.launch()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	for n, i := range images {
		there, err := i.read(t.Context(), b)
		if n < 2 && there || n >= 2 && (!there || err != nil) {
			t.Errorf("image %d: %v %v", n, there, err)
		}
	}
	found(t, b, images[0].digest, images[1].tag)
	for _, i := range images[:2] {
		for _, content := range i.blobs {
			if status, _, got, err := b.ask("GET", b.path("/blobs/%s", digest(content)), nil, ""); err != nil || status != 200 || string(got) != string(content) {
				t.Errorf("a layer of what is damaged is answered %d, %v", status, err)
			}
		}
		if err := o.push(t.Context(), b, i); err != nil {
			t.Error(err)
		}
	}
	for _, f := range o.compare(t, b, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	b.fsck(t, "--deep")
}

// change changes the database of a server that does not run, without regard to what refers to what.
func change(t *testing.T, b *berth, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.data, "berth.db")+"?_pragma=foreign_keys(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		r, err := db.Exec(s)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			t.Fatalf("%s changed %d rows, %v", s, n, err)
		}
	}
}

// I13: pages of the database are damaged. fsck names it, and a server refuses to start with a message, or serves what is right and no wrong bytes.
func TestDamagedDatabase(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(20, 21))
	for n := range 40 {
		if err := o.push(t.Context(), b, newImage(random, fmt.Sprint("i", n), nil, 5_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.end(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(b.data, "berth.db")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	pages := len(whole) / page
	for n, at := range []int{0, pages / 2, pages - 2} {
		spoilt := append([]byte{}, whole...)
		for p := at; p < min(at+8, pages); p++ {
			for i := range page {
				spoilt[p*page+i] = byte(random.Uint32())
			}
		}
		if err := os.WriteFile(file, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		found(t, b)
		b.launch()
		if err := b.ready(); err != nil {
			if said := b.said(); !strings.Contains(said, "berth: ") || strings.Contains(said, "goroutine") {
				t.Errorf("damage %d: it did not start, and said %s", n, said)
			}
			continue
		}
		for _, i := range o.there {
			status, _, got, err := b.ask("GET", b.path("/manifests/%s", i.tag), nil, "")
			if err == nil && status == 200 && string(got) != string(i.manifest) {
				t.Errorf("damage %d: wrong bytes", n)
			}
		}
		b.kill()
	}
	if err := errors.Join(os.Remove(file+"-wal"), os.Remove(file+"-shm")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}
