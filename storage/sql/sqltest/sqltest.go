// Package sqltest runs a test on every database that berth supports: SQLite in a temporary folder, and a real PostgreSQL.
package sqltest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", to make databases with
)

// Each calls f as a subtest with the DSN of a new, empty database of each kind. PostgreSQL is skipped, with the reason, where it is not installed.
func Each(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}

// SQLite returns the DSN of a new database in a folder that the test removes.
func SQLite(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "berth.db") }

var (
	once    sync.Once
	cluster string // DSN of the database "postgres"
	failed  error
	number  atomic.Int64
)

// Postgres returns the DSN of a new database in the cluster that BERTH_TEST_POSTGRES names, or else in one that this process starts.
func Postgres(t testing.TB) string {
	t.Helper()
	once.Do(func() {
		if cluster = os.Getenv("BERTH_TEST_POSTGRES"); cluster == "" {
			cluster, failed = start()
		}
	})
	if failed != nil {
		t.Skipf("PostgreSQL is not here: %v", failed)
	}
	admin, err := sql.Open("pgx", cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	name := fmt.Sprintf("t%d_%d_%d", os.Getpid(), time.Now().UnixNano(), number.Add(1))
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin, err := sql.Open("pgx", cluster)
		if err == nil {
			defer admin.Close()
			_, err = admin.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		}
		if err != nil {
			t.Log(err)
		}
	})
	return strings.Replace(cluster, "/postgres?", "/"+name+"?", 1)
}

// start makes a cluster in a temporary folder. It ends when this process does, however it ends: a shell holds the reading end of a pipe whose
// writing end only this process has.
func start() (string, error) {
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "berth-pg-")
	if err != nil {
		return "", err
	}
	var attr syscall.SysProcAttr
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return "", err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return "", err
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", dir+"/data", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale", "C")
	initdb.SysProcAttr, initdb.Dir = &attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %v: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	// Nobody cuts the power of a test's cluster, so it need not wait for the disk: databases are made in half the time. What berth itself makes durable is not PostgreSQL's fsync.
	script := fmt.Sprintf(`%[1]s/postgres -D %[2]s/data -k %[2]s -h 127.0.0.1 -p %[3]d -c max_connections=300 -c fsync=off -c full_page_writes=off >%[2]s/log 2>&1 & pid=$!; read end; kill -INT $pid; wait $pid; rm -rf %[2]s`, bin, dir, port)
	sh := exec.Command("sh", "-c", script)
	attr.Setpgid = true // an interrupt at the terminal must reach the cluster only through the pipe
	sh.SysProcAttr, sh.Dir = &attr, dir
	var pipe [2]int // plain numbers: an *os.File that nothing refers to would be closed by the garbage collector
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return "", err
	}
	end := os.NewFile(uintptr(pipe[0]), "end")
	defer end.Close()
	sh.Stdin = end
	if err := sh.Start(); err != nil {
		return "", err
	}
	dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for db.PingContext(ctx) != nil {
		if ctx.Err() != nil {
			log, _ := os.ReadFile(dir + "/log")
			return "", fmt.Errorf("it did not start: %s", log)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return dsn, nil
}

// binaries finds the folder with initdb and postgres: Debian keeps them out of PATH, one folder a version.
func binaries() (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("no initdb in /usr/lib/postgresql/*/bin or PATH (apt-get install postgresql)")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
