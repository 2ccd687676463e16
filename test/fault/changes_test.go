package fault_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// changes are files of berth that a build has otherwise than they are. The product has nothing of them.
type changes struct {
	t         testing.TB
	dir, root string
	replace   map[string]string
}

func newChanges(t testing.TB) *changes {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return &changes{t, t.TempDir(), root, map[string]string{}}
}

// put gives a file, which may be a new one, another text.
func (c *changes) put(file, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, strings.ReplaceAll(file, "/", "_"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.replace[filepath.Join(c.root, file)] = path
}

// change puts what f makes of the text of a file, and fails the test when f finds nothing to change any more.
func (c *changes) change(file string, f func(text string) string) {
	c.t.Helper()
	path := filepath.Join(c.root, file)
	if changed := c.replace[path]; changed != "" {
		path = changed
	}
	before, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	after := f(string(before))
	if after == string(before) {
		c.t.Fatalf("%s is not what it was: the change of it has to be written anew", file)
	}
	c.put(file, after)
}

// mutation is one line of berth that is left out, or is another.
type mutation struct {
	file     string
	old, new string
}

func (c *changes) mutate(mutations ...mutation) {
	c.t.Helper()
	for _, m := range mutations {
		c.change(m.file, func(text string) string {
			if n := strings.Count(text, m.old); n != 1 {
				c.t.Fatalf("%s has %q %d times, not once: the mutation has to be written anew", m.file, m.old, n)
			}
			return strings.Replace(text, m.old, m.new, 1)
		})
	}
}

// overlay is the file with all of them for `go build -overlay`.
func (c *changes) overlay() string {
	c.t.Helper()
	text, err := json.Marshal(map[string]any{"Replace": c.replace})
	if err != nil {
		c.t.Fatal(err)
	}
	file := filepath.Join(c.dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

// overlay is the build overlay in which some mutations are made.
func overlay(t testing.TB, mutations ...mutation) string {
	t.Helper()
	c := newChanges(t)
	c.mutate(mutations...)
	return c.overlay()
}

var hastyBuild struct {
	sync.Once
	program string
}

// hasty is a berth for the laboratory, built once for all cases: its collection and its archive never rest, and its times are seconds or less, as BERTH_LEASE says: the same code with other numbers. It can be told to kill itself
// at its n-th step (steps): what the blob store asks of the file system, each statement that writes and each commit, and the moment after a commit. And it can be told to leave out one line on which durability depends
// (careless): each must turn the laboratory red, else the laboratory proves nothing.
func hasty(t testing.TB) string {
	t.Helper()
	hastyBuild.Do(func() {
		c := newChanges(t)
		c.put("storage/blob/step.go", stepSource)
		c.put("registry/hurried.go", fmt.Sprintf(hurriedSource, int(hastyLease)))
		c.mutate(
			mutation{"registry/lease.go", "t.Lease = 24 * time.Hour", "t.Lease = hurried(1)"},
			mutation{"registry/lease.go", "t.Round = time.Hour", "t.Round = hurried(30)"},
			mutation{"registry/lease.go", "t.Linger = 2 * time.Hour", "t.Linger = hurried(2)"},
			mutation{"registry/store.go", "moveLease = 15 * time.Minute", "moveLease = time.Second"},
			mutation{"worker/gc/gc.go", "every = time.Minute", "every = 100 * time.Millisecond"},
			mutation{"worker/archive/archive.go", "every = time.Second", "every = 100 * time.Millisecond"},
		)
		const imports, files, sqlite, db, disk = "import (\n", "storage/blob/files.go", "storage/sql/sqlite.go", "storage/sql/db.go", "server/disk.go"
		for _, file := range []string{sqlite, db, disk} {
			c.mutate(mutation{file, imports, imports + "\t\"github.com/berth-registry/berth/storage/blob\"\n"})
		}
		c.mutate(
			mutation{files, "err = f.file.Sync()", "if !Careless(\"bytes not durable\") {\n\t\t\terr = f.file.Sync()\n\t\t}"},
			mutation{files, "if err := syncDir(filepath.Dir(final)); err != nil {", "if Careless(\"names not durable\") {\n\t\treturn nil\n\t}\n\tif err := syncDir(filepath.Dir(final)); err != nil {"},
			mutation{sqlite, "+ \"?\" + pragmas", "+ \"?\" + blob.Pragmas(pragmas)"},
			mutation{sqlite, "synchronous != 2", "(synchronous != 2 && !blob.Careless(\"commits not durable\"))"},
			mutation{sqlite, "if isUnsure(err) {", "if isUnsure(err) && !blob.Careless(\"failed commit\") {"},
			mutation{files, "err = d.Sync()", "if err = d.Sync(); Careless(\"failed fsync\") {\n\t\terr = nil\n\t}"},
			mutation{"registry/layer.go", "return &LayerContent{Layer: l.Layer, Content: r.verify(", "if blob.Careless(\"bytes not verified\") {\n\t\treturn &LayerContent{Layer: l.Layer, Content: content}, nil\n\t}\n\treturn &LayerContent{Layer: l.Layer, Content: r.verify("},
			mutation{disk, "if err := d.works(ctx); err != nil {", "if err := d.works(ctx); err != nil && !blob.Careless(\"disks not looked at\") {"},
			mutation{files, "return fault.Wrap(err, fault.Unavailable, \"the registry's disk is full;", "if Careless(\"path in an answer\") {\n\t\t\treturn fault.Wrap(err, fault.Unavailable, \"the registry's disk is full: %v\", err)\n\t\t}\n\t\treturn fault.Wrap(err, fault.Unavailable, \"the registry's disk is full;"},
			mutation{sqlite, "isFull(err) && w.reserve.give(err)", "isFull(err) && !blob.Careless(\"no reserve\") && w.reserve.give(err)"},
		)
		for _, file := range []string{files, "storage/blob/files_hold.go", "storage/blob/note.go"} {
			c.change(file, func(text string) string {
				text = regexp.MustCompile(`\bos\.(OpenFile|Rename|Mkdir|Remove)\(`).ReplaceAllString(text, "stepped(os.$1)(")
				return regexp.MustCompile(`\b(f\.file|d|file)\.(Sync|Write|Truncate)\(`).ReplaceAllString(text, "stepped($1.$2)(")
			})
		}
		const exec, txExec, txRow = "func (w *writer) exec(query string) error {\n", "func (tx *Tx) Exec(query string, args ...any) (int64, error) {\n", "func (tx *Tx) Row(query string, args []any, dest ...any) error {\n"
		c.mutate(
			mutation{sqlite, exec, exec + "\tblob.Step()\n\tif query == \"COMMIT\" {\n\t\tdefer blob.Step()\n\t}\n"},
			mutation{db, txExec, txExec + "\tblob.Step()\n"},
			mutation{db, txRow, txRow + "\tif strings.Contains(query, \"RETURNING\") {\n\t\tblob.Step()\n\t}\n"},
		)
		hastyBuild.program = filepath.Join(folder, "hasty")
		program, err := os.ReadFile(build(t, c.overlay())) // not renamed: the folders of tests may be on another disk
		if err == nil {
			err = os.WriteFile(hastyBuild.program, program, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return hastyBuild.program
}

// careless has the berths of hasty that the test starts leave something out; all else is as it is in the product.
func careless(t *testing.T, of string) {
	t.Helper()
	if text, err := os.ReadFile("changes_test.go"); err != nil || !strings.Contains(string(text), `Careless(\"`+of+`\")`) {
		t.Fatalf("no berth is careless of %q, %v", of, err)
	}
	t.Setenv("BERTH_CARELESS", of)
	t.Setenv("BERTH_LEASE", "24h")
}

// stepSource counts down in memory that it shares with the test, which says by it when to begin and to end.
const stepSource = `package blob

import (
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

var carelessOf = os.Getenv("BERTH_CARELESS")

func Careless(of string) bool { return of == carelessOf }

func Pragmas(pragmas string) string {
	if Careless("commits not durable") {
		return strings.Replace(pragmas, "synchronous(FULL)", "synchronous(NORMAL)", 1)
	}
	return pragmas
}

var stepsLeft = func() *int64 {
	file, err := os.OpenFile(os.Getenv("BERTH_STEPS"), os.O_RDWR, 0)
	if err != nil {
		return new(int64)
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, 8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&memory[0]))
}()

// Step is where the program may be killed.
func Step() {
	if atomic.AddInt64(stepsLeft, -1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// stepped is f, with a step before it.
func stepped[F any](f F) F {
	Step()
	return f
}
`

// hurriedSource has the times of the collection be parts of BERTH_LEASE; in nanoseconds, what they are unless it is given.
const hurriedSource = `package registry

import (
	"os"
	"time"
)

func hurried(part time.Duration) time.Duration {
	lease, err := time.ParseDuration(os.Getenv("BERTH_LEASE"))
	if err != nil {
		lease = %d
	}
	return lease / part
}
`
