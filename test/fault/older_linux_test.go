package fault_test

import (
	"bufio"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var keep = flag.String("keep", "", "a berth program: its data folder is kept as testdata/older-NAME.tar.gz, where NAME is the program's; run TestOlderData with it before a release")

// older are the data folders of earlier berths: each has data/, blobs/, and images, the tag and the digest of each image.
func older(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/older-*.tar.gz")
	if err != nil || len(all) == 0 {
		t.Fatalf("there is no data of an older berth, %v", err)
	}
	return all
}

// keepData has a program make a data folder, and keeps it.
func keepData(t testing.TB, program string) {
	t.Helper()
	dir := t.TempDir()
	b := newBerth(t, program, dir+"/data", dir+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(30, 31))
	shared := newImage(random, "", nil, 300, 70_000).blobs // in the row, and in a file
	for n := range 12 {
		i := newImage(random, fmt.Sprintf("v%d", n), nil, 300, 1_000)
		if err := o.push(t.Context(), b, imageOf(i.tag, append(i.blobs, shared[n%len(shared)]))); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := o.remove(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.end(time.Minute); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.data, "berth.db"))
	if err == nil {
		_, err = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)") // it is smaller so
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for tag, i := range o.there {
		fmt.Fprintln(&list, tag, i.digest)
	}
	if err := os.WriteFile(filepath.Join(dir, "images"), []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("testdata/older-" + filepath.Base(program) + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", dir, "--owner=0", "--group=0", "--exclude=berth.db-reserve", "-czf", file, "data", "blobs", "images").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
}

// unpack puts the data of an older berth into two places, and answers its images.
func unpack(t testing.TB, file, data, blobs string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("tar", "-C", dir, "-xzf", file).CombinedOutput()
	if err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
	if err := errors.Join(os.CopyFS(data, os.DirFS(dir+"/data")), os.CopyFS(blobs, os.DirFS(dir+"/blobs"))); err != nil {
		t.Fatal(err)
	}
	list, err := os.Open(dir + "/images")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	images := map[string]string{}
	for lines := bufio.NewScanner(list); lines.Scan(); {
		tag, d, _ := strings.Cut(lines.Text(), " ")
		images[tag] = d
	}
	return images
}

// pull reads an image that is known by its digest only.
func (b *berth) pull(t testing.TB, tag, of string) {
	t.Helper()
	status, _, manifest, err := b.ask("GET", b.path("/manifests/%s", tag), nil, "")
	if err != nil || status != http.StatusOK || digest(manifest) != of {
		t.Errorf("%s: %d, %v: %s instead of %s", tag, status, err, digest(manifest), of)
		return
	}
	for _, d := range digests(string(manifest)) {
		if status, _, got, err := b.ask("GET", b.path("/blobs/%s", d), nil, ""); err != nil || status != http.StatusOK || digest(got) != d {
			t.Errorf("%s of %s: %d, %v", d, tag, status, err)
		}
	}
}

// grown looks whether an older installation has become one of the present: what it had is there, and it can be worked with.
func (b *berth) grown(t testing.TB, images map[string]string) {
	t.Helper()
	b.signIn(t)
	for tag, d := range images {
		b.pull(t, tag, d)
	}
	o, random := newOracle(), rand.New(rand.NewPCG(32, 33))
	if err := o.push(t.Context(), b, newImage(random, "after", nil, 300, 100_000)); err != nil {
		t.Error(err)
	}
	for _, f := range o.compare(t, b, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	b.fsck(t, "--deep")
}

// F27: the data of older berths is brought up to date at the start, with its images and its credentials.
func TestOlderData(t *testing.T) {
	if *keep != "" {
		keepData(t, *keep)
	}
	for _, file := range older(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b := newIdle(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
			images := unpack(t, file, b.data, b.blobs)
			b.start(t)
			b.grown(t, images)
		})
	}
}

// F04: the power goes while the tables of an older berth are brought up to date. When it is back the server starts, from wherever that had come to, and everything is there.
func TestPowerCutInMigration(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 7))
	program, file := build(t, ""), older(t)[0]
	data, blobs := newDisk(t, "ext4", "data", 64), newDisk(t, "ext4", "blobs", 64)
	// schema is how far the tables are, seen in a copy: who opens a database mends it.
	schema := func(b *berth) (steps int) {
		dir := t.TempDir()
		for _, name := range []string{"berth.db", "berth.db-wal"} {
			text, err := os.ReadFile(filepath.Join(b.data, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "berth.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRow(`SELECT count(*) FROM registry_version`).Scan(&steps); err != nil {
			t.Fatal(err)
		}
		return steps
	}
	var about, step time.Duration // when the migration is, more or less, after the start
	between, cuts := 0, 8
	if *soak {
		cuts = 40
	}
	for n := range cuts {
		at := fmt.Sprintf("/%d", n)
		b := newIdle(t, program, data.path+at+"/data", blobs.path+at+"/blobs")
		images := unpack(t, file, b.data, b.blobs)
		if err := errors.Join(data.sync(), blobs.sync()); err != nil {
			t.Fatal(err)
		}
		before := schema(b)
		began := time.Now()
		b.launch()
		if n == 0 { // nothing happens to the first
			if err := b.ready(); err != nil {
				t.Fatal(err)
			}
			about = time.Since(began) / 2
			step = about / 8
		} else {
			time.Sleep(about + time.Duration(random.Int64N(int64(2*step))) - step)
		}
		kind := uint32(keeping + n%2)
		if err := errors.Join(blobs.cut(kind), data.cut(kind)); err != nil {
			t.Fatal(err)
		}
		b.kill()
		data.back()
		blobs.back()
		steps := schema(b)
		b.start(t)
		b.grown(t, images)
		switch now := schema(b); {
		case n == 0:
		case steps == before:
			about += step
		case steps == now:
			about = max(step, about-step)
		default:
			between++
		}
		b.kill()
		if err := errors.Join(os.RemoveAll(data.path+at), os.RemoveAll(blobs.path+at)); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d power cuts, %d of them between the first and the last step of the migration, some %v after the start", cuts, between, about)
}
