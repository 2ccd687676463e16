// Command report runs `go test -json` once for each of its arguments and says what happened so that a person can read it: a line a package
// while it goes on, failures in full, at the end each skipped test with its reason, and as last line "N passed, N failed, N skipped".
//
//	go run ./test/report "-race ./fault/... ./lang/..." "./test/..."
//
// It exits with 1 when anything failed, and, with CI=true in the environment, also when anything was skipped: a test that silently does not
// run proves nothing.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, `usage: report "ARGUMENTS OF go test" ...`)
		os.Exit(2)
	}
	start := time.Now()
	r := newReport(os.Stdout)
	for _, args := range os.Args[1:] {
		if err := run(r, strings.Fields(args)); err != nil {
			r.broken(args, err)
		}
	}
	r.close(time.Since(start))
	if r.failed > 0 || (os.Getenv("CI") == "true" && len(r.skips) > 0) {
		os.Exit(1)
	}
}

// run gives the events of one go test to r. Its error is one that the events do not tell of: go test itself did not work.
func run(r *report, args []string) error {
	fmt.Printf("== go test %s\n", brief(args))
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr, cmd.Env = os.Stderr, inMemory(os.Environ())
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := r.failed
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil && r.failed == before {
		return err
	}
	return nil
}

// memory is a file system in memory, and the room that it must have so that the tests' folders are put there.
const (
	memory = "/dev/shm"
	room   = 6 << 30
)

// inMemory makes the tests' temporary folders be in memory where there is room. Berth waits for the disk at every commit, and so most of the time of the tests was
// waiting, for nothing: what they ask is the same there, and the laboratory of faults cuts the power of disks of its own. What the compiler writes stays on disk.
func inMemory(env []string) []string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || uint64(fs.Bavail)*uint64(fs.Bsize) < room {
		return env
	}
	return append(env, "GOTMPDIR="+os.TempDir(), "TMPDIR="+memory)
}

// brief leaves the names of the packages out of what is printed.
func brief(args []string) string {
	var flags []string
	packages := 0
	for _, a := range args {
		if strings.HasPrefix(a, "github.com/") {
			packages++
		} else {
			flags = append(flags, a)
		}
	}
	if packages > 0 {
		flags = append(flags, fmt.Sprintf("(%d packages)", packages))
	}
	return strings.Join(flags, " ")
}
