package sqltest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a PostgreSQL of one test's own, which the test may kill.
type Cluster struct {
	// DSN is that of its database "postgres".
	DSN string

	t       testing.TB
	dir     string
	bin     string
	port    int
	as      *syscall.Credential // nil for that of this process
	process *exec.Cmd
}

// Own makes and starts a cluster that lives as long as t. It waits for the disk, as one that people use. It skips t where PostgreSQL is not installed.
func Own(t testing.TB) *Cluster {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Skipf("PostgreSQL is not here: %v", err)
	}
	c := &Cluster{t: t, bin: bin}
	if c.dir, err = os.MkdirTemp("", "berth-pg-"); err != nil { // the folder of a test cannot be entered by others
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(c.dir) }) //nolint:errcheck // it lies among what is temporary
	if os.Geteuid() == 0 {                    // PostgreSQL refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skipf("PostgreSQL is not here: %v", err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(c.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	initdb := c.command("initdb", "-D", c.data(), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale", "C")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	if c.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	c.DSN = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", c.port)
	t.Cleanup(c.Kill)
	c.Start()
	return c
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, &syscall.SysProcAttr{Credential: c.as}
	return cmd
}

// Start starts PostgreSQL and waits until it takes connections: after Kill, when it has recovered.
func (c *Cluster) Start() {
	c.t.Helper()
	var said strings.Builder
	for range 600 {
		if c.process == nil {
			c.process = c.command("postgres", "-D", c.data(), "-k", c.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(c.port))
			c.process.Stdout, c.process.Stderr = &said, &said
			if err := c.process.Start(); err != nil {
				c.t.Fatal(err)
			}
		}
		if c.command("pg_isready", "-h", "127.0.0.1", "-p", strconv.Itoa(c.port)).Run() == nil {
			return
		}
		var status syscall.WaitStatus
		if pid, _ := syscall.Wait4(c.process.Process.Pid, &status, syscall.WNOHANG, nil); pid != 0 { // those that it had started have not all noticed its end
			c.process = nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Fatalf("PostgreSQL does not start: %s", said.String())
}

// Kill ends the first of its processes as kill -9 does; the others notice that.
func (c *Cluster) Kill() {
	if c.process != nil {
		_ = c.process.Process.Kill()
		_ = c.process.Wait()
		c.process = nil
	}
}
