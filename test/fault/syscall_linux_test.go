package fault_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spoil has the kernel answer system calls of the running program on some paths with an error, until the answer is called.
func spoil(t *testing.T, b *berth, inject string, paths ...string) (stop func()) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not here (apt-get install strace)")
	}
	args := []string{"-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:" + inject, "-p", strconv.Itoa(b.process.Process.Pid)}
	for _, p := range paths {
		args = append(args, "-P", p)
	}
	c := exec.Command(strace, args...)
	said, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "attached") {
			go func() {
				for lines.Scan() {
				}
			}()
			return func() {
				_ = c.Process.Signal(syscall.SIGINT)
				stuck := time.AfterFunc(10*time.Second, func() { _ = c.Process.Kill() }) // it may not get hold of a thread that it is to let go
				_ = c.Wait()
				stuck.Stop()
			}
		}
		if strings.Contains(lines.Text(), "ptrace") {
			_ = c.Wait()
			t.Skipf("strace may not trace here: %s", lines.Text())
		}
	}
	t.Fatal("strace does not begin")
	return nil
}

// F06: an fsync of the database's log fails. The push is not acknowledged, the server is not healthy any more and ends by itself with a message, and what was acknowledged is
// there when it starts again.
func TestFailedCommit(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(3, 4))
	for n := range 5 {
		if err := o.push(t.Context(), b, newImage(random, fmt.Sprint("before", n), nil)); err != nil {
			t.Fatal(err)
		}
	}
	stop := spoil(t, b, "error=EIO", filepath.Join(b.data, "berth.db-wal"))
	if err := o.push(t.Context(), b, newImage(random, "lost", nil)); err == nil {
		t.Error("a push was acknowledged although its commit was not durable")
	}
	if status := b.health(); status == 200 {
		t.Error("the server says that it is healthy")
	}
	err := b.ended(30 * time.Second)
	stop()
	if b.process.ProcessState.ExitCode() != 1 || !strings.Contains(b.said(), "could not make a commit of the database durable") || !strings.Contains(b.said(), "start berth again") {
		t.Errorf("it ended with %v and said %s", err, b.said())
	}
	b.launch()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	for _, f := range o.compare(t, b, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	b.fsck(t, "--deep")
}

// F06: an fsync of a file of layers, or of a folder, fails. The push is refused, nothing of it stays, and the next one succeeds.
func TestFailedSyncOfBlobs(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(5, 6))
	folders := []string{b.blobs, b.blobs + "/upload", b.blobs + "/blob"}
	for n := range 256 {
		folders = append(folders, fmt.Sprintf("%s/blob/%02x", b.blobs, n))
	}
	i := newImage(random, "folders", nil, 300_000)
	stop := spoil(t, b, "error=EIO", folders...)
	status, header, body, err := b.ask("POST", b.path("/blobs/uploads/?digest=%s", digest(i.blobs[1])), i.blobs[1], "application/octet-stream")
	stop()
	if err != nil || status != 503 || header.Get("Retry-After") == "" || strings.Contains(string(body), b.blobs) {
		t.Errorf("a layer whose name was not durable was answered %d %s, %v", status, body, err)
	}
	if err := o.push(t.Context(), b, i); err != nil {
		t.Errorf("the push cannot be made again: %v", err)
	}

	i = newImage(random, "file", nil, 300_000)
	_, header, _, err = b.ask("POST", b.path("/blobs/uploads/"), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	location, err := url.Parse(header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	at := location.RequestURI()
	stop = spoil(t, b, "error=EIO", b.blobs+"/upload/"+path.Base(location.Path))
	status, _, body, err = b.ask("PATCH", at, i.blobs[1], "application/octet-stream")
	stop()
	if err != nil || status != 503 {
		t.Errorf("a part of a layer that was not durable was answered %d %s, %v", status, body, err)
	}
	if status, header, _, _ := b.ask("GET", at, nil, ""); status != 204 || header.Get("Range") != "0-0" {
		t.Errorf("the upload has %d %s", status, header.Get("Range"))
	}
	if err := o.push(t.Context(), b, i); err != nil {
		t.Errorf("the push cannot be made again: %v", err)
	}
	for _, f := range o.compare(t, b, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	b.fsck(t, "--deep")
}

// F08: a disk goes away under the running server. Its health says so within seconds, what is on the disk is a 5xx, and when the disk is back everything is there.
func TestDiskGone(t *testing.T) {
	for n, name := range []string{"data", "blobs"} {
		t.Run(name, func(t *testing.T) {
			l := newLaboratory(t, "ext4", build(t, ""))
			for n := range 5 {
				if err := l.oracle.push(t.Context(), l.berth, newImage(l.random, fmt.Sprint("i", n), nil, 300_000)); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.disks[n].cut(losing); err != nil {
				t.Fatal(err)
			}
			soon(t, "the health is red", 5*time.Second, func() bool { return l.health() != 200 })
			if err := l.oracle.push(t.Context(), l.berth, newImage(l.random, "lost", nil, 300_000)); err == nil {
				t.Error("a push was acknowledged")
			}
			if name == "blobs" {
				for _, i := range l.oracle.there {
					if status, _, body, err := l.ask("GET", l.path("/blobs/%s", digest(i.blobs[1])), nil, ""); err == nil && (status < 500 || status != 200 && strings.Contains(string(body), l.blobs)) {
						t.Errorf("a layer on a disk that is gone was answered %d", status)
					}
				}
			}
			l.kill()
			l.powered()
			l.launch()
			if err := l.ready(); err != nil {
				t.Fatal(err)
			}
			for _, f := range l.oracle.compare(t, l.berth, true) {
				t.Errorf("%s: %s", f.kind, f.what)
			}
			l.fsck(t, "--deep")
		})
	}
}
