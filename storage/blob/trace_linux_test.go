package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/blobtest"
)

// TestMain is also the program that the tests of this file watch: it pushes into the folder in BLOB_TEST_DIR and says on standard output what it was told.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BLOB_TEST_DIR"); dir != "" {
		runtime.LockOSThread() // strace counts the calls of each thread
		pushes(dir)
		return
	}
	os.Exit(m.Run())
}

// say writes one line with one system call, so that it has a place among those of the store.
func say(format string, args ...any) {
	_, _ = os.Stdout.WriteString(fmt.Sprintf(format, args...) + "\n")
}

// pushes uploads in every way there is: content inline, in one piece, in two, and with a rest in the tail. What fails is tried again, as a client would.
func pushes(dir string) {
	s, err := blob.OpenFiles(dir)
	if err != nil {
		say("failed open %v", err)
		return
	}
	say("begin") // from here on, nothing outside of the folder is opened
	for i, chunks := range [][]int{{0}, {100}, {blob.TailMax + 1}, {200_000, 300_000}, {300_000, 200}} {
		u := blobtest.NewUpload()
		if i > 1 {
			u.ID = u.ID[:34] + "5a" // all in one folder of blob/
		}
		if !hostile(s) {
			return
		}
		var err error
		for n, size := range chunks {
			if err = s.Append(context.Background(), u, bytes.NewReader(blobtest.Bytes(uint64(n), size))); err == nil && size > blob.TailMax {
				say("appended %s", u.ID)
			}
			if err != nil {
				break
			}
		}
		for attempt := 0; attempt < 3; attempt++ {
			if err == nil {
				err = s.Commit(context.Background(), u)
			}
			if err == nil {
				say("committed %s %d", u.ID, u.Size)
				break
			}
			f := fault.As(err)
			if f == nil || (f.Code != fault.Unavailable && f.Code != fault.UploadNotFound) || strings.Contains(f.Message, "/") {
				say("wrong error %v", err)
				return
			}
			say("failed %s %s", u.ID, f.Code)
			err = nil
		}
	}
	say("end")
}

// hostile names must not reach the disk (H05, H25).
func hostile(s *blob.Files) bool {
	for _, name := range []string{"../../../etc/passwd", "/etc/passwd", "..", ""} {
		if _, err := s.Open(context.Background(), blob.Key(name), 1); !errors.Is(err, blob.ErrMissing) {
			say("wrong error %v", err)
			return false
		}
		if err := s.Append(context.Background(), &blob.Upload{ID: name}, bytes.NewReader(make([]byte, 100_000))); !fault.Is(err, fault.UploadNotFound) {
			say("wrong error %v", err)
			return false
		}
	}
	return true
}

// TestFilesOrder: whatever is acknowledged was durable before (F02, F03), and no file outside the folder was opened (H05).
func TestFilesOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "blobs") // two folders that have to be made durable on the way
	said := watch(t, dir)
	if n := strings.Count(said, "committed "); n != 5 || !strings.Contains(said, "end\n") {
		t.Errorf("it made %d of 5 pushes:\n%s", n, said)
	}
}

// TestFilesFailedSync lets the first, second, ... fsync fail, until there is none left to fail (F06). Nothing that it touched may be acknowledged, since a
// second fsync would claim success without cause; and what was acknowledged is there.
func TestFilesFailedSync(t *testing.T) {
	for n := 1; ; n++ {
		dir := filepath.Join(t.TempDir(), "blobs")
		said := watch(t, dir, "-e", fmt.Sprintf("inject=fsync:error=EIO:when=%d", n))
		if !strings.Contains(said, "failed") {
			if n < 15 {
				t.Errorf("only %d calls of fsync were seen to fail", n-1)
			}
			return
		}
		if strings.Contains(said, "failed open") {
			continue
		}
		s := openFiles(t, dir)
		for _, line := range strings.Split(said, "\n") {
			var id string
			var size int64
			if _, err := fmt.Sscanf(line, "committed %s %d", &id, &size); err != nil {
				continue
			}
			c, err := s.Open(t.Context(), blob.Key(id), size)
			if err != nil {
				t.Errorf("fsync %d failed, and then an acknowledged object is not there: %v", n, err)
				continue
			}
			_ = c.Close()
		}
	}
}

// watch runs pushes under strace, with more of its options, checks the order of the system calls, and answers what the program said.
func watch(t *testing.T, dir string, options ...string) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: apt-get install strace")
	}
	log := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-f", "-y", "-s", "100", "-o", log, "-e",
		"trace=open,openat,openat2,creat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,rmdir"}, options...)
	cmd := exec.Command(strace, append(args, os.Args[0])...)
	cmd.Env = append(os.Environ(), "BLOB_TEST_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(string(out), "ptrace") {
		t.Skipf("strace may not trace here: %s", out)
	}
	if err != nil || strings.Contains(string(out), "wrong") {
		t.Fatalf("%v: %s", err, out)
	}
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	d := disk{dir: dir, files: map[string]unsure{}, names: map[string]unsure{}}
	for _, call := range calls(string(trace)) {
		if err := d.see(call); err != nil {
			t.Errorf("%v\nat %s", err, call.line)
		}
	}
	return string(out)
}

// call is one finished system call.
type call struct {
	line, name, args, result string
	paths                    []string // the quoted ones, and the descriptor's if it comes first
}

var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (.*)$`)
	unfinished  = regexp.MustCompile(`^(\d+) +(\w+\(.*) <unfinished \.\.\.>$`)
	resumed     = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
	quoted      = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	description = regexp.MustCompile(`^\d+<([^>]*)>`)
)

func calls(trace string) []call {
	var all []call
	open := map[string]string{}
	for _, line := range strings.Split(trace, "\n") {
		if m := unfinished.FindStringSubmatch(line); m != nil {
			open[m[1]] = m[2]
			continue
		}
		if m := resumed.FindStringSubmatch(line); m != nil {
			line = m[1] + " " + open[m[1]] + m[2]
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		c := call{line: line, name: m[2], args: m[3], result: m[4]}
		if fd := description.FindStringSubmatch(c.args); fd != nil {
			c.paths = append(c.paths, fd[1])
		}
		for _, q := range quoted.FindAllStringSubmatch(c.args, -1) {
			c.paths = append(c.paths, q[1])
		}
		all = append(all, c)
	}
	return all
}

// unsure says why a power cut could take something away.
type unsure string

// disk knows, of files and of names, which would not be there after a power cut.
type disk struct {
	dir   string
	begun bool
	files map[string]unsure // content
	names map[string]unsure
}

func (d *disk) see(c call) error {
	ok := !strings.HasPrefix(c.result, "-1")
	if !ok && c.name != "fsync" {
		return nil
	}
	switch c.name {
	case "open", "openat", "openat2", "creat":
		path := c.paths[0]
		if d.begun && !strings.HasPrefix(path, d.dir+"/") && !strings.HasPrefix(path, "/proc/") && !strings.HasPrefix(path, "/sys/") {
			return fmt.Errorf("%s is outside of the folder", path)
		}
		if strings.Contains(c.args, "O_CREAT") {
			d.names[path] = "made"
			if d.files[path] == "" {
				d.files[path] = "made"
			}
		}
	case "mkdir", "mkdirat":
		d.names[c.paths[0]] = "made"
	case "write", "pwrite64", "ftruncate":
		if strings.HasPrefix(c.args, "1<") {
			return d.said(strings.Fields(strings.ReplaceAll(c.paths[1], `\n`, " ")))
		}
		if d.files[c.paths[0]] != "failed" {
			d.files[c.paths[0]] = "written"
		}
	case "fsync", "fdatasync":
		d.sync(c.paths[0], ok)
	case "rename", "renameat", "renameat2":
		from, to := c.paths[0], c.paths[1]
		if d.files[from] != "" {
			return fmt.Errorf("renamed although its content was only %s", d.files[from])
		}
		delete(d.names, from)
		d.names[to] = "renamed"
	case "unlink", "unlinkat", "rmdir":
		delete(d.names, c.paths[0])
		delete(d.files, c.paths[0])
	}
	return nil
}

// sync makes the content of a file sure, or the names in a folder. After a failure nothing does, but to remove it.
func (d *disk) sync(path string, ok bool) {
	settle := func(of map[string]unsure, name string) {
		switch {
		case !ok:
			of[name] = "failed"
		case of[name] != "failed":
			delete(of, name)
		}
	}
	if _, file := d.files[path]; file {
		settle(d.files, path)
	}
	for name := range d.names {
		if filepath.Dir(name) == path {
			settle(d.names, name)
		}
	}
}

// said checks an acknowledgement against what is sure.
func (d *disk) said(words []string) error {
	switch words[0] {
	case "begin":
		d.begun = true
	case "appended":
		return d.sure(filepath.Join(d.dir, "upload", words[1]))
	case "committed":
		return d.sure(filepath.Join(d.dir, "blob", words[1][34:], words[1]))
	}
	return nil
}

func (d *disk) sure(path string) error {
	if why := d.files[path]; why != "" {
		return fmt.Errorf("acknowledged although its content was only %s", why)
	}
	for ; path != "/"; path = filepath.Dir(path) {
		if why := d.names[path]; why != "" {
			return fmt.Errorf("acknowledged although the name %s was only %s", path, why)
		}
	}
	return nil
}
