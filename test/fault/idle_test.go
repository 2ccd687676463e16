package fault_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

var idle = flag.Bool("idle", false, "wait until idle connections are closed, which takes more than three minutes")

// H14: 10,000 clients who have asked once and keep their connections cost memory, so much each, and nobody his pull. When they go, so does all that was held for them; those that stay
// are closed when nothing has been asked for three minutes (with -idle).
func TestTenThousandIdleConnections(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	many := int(min(10_000, files.Cur-min(files.Cur, 1000)))
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o := newOracle()
	pulled := newImage(rand.New(rand.NewPCG(31, 32)), "pulled", nil, 5_000, 300_000)
	if err := o.push(t.Context(), b, pulled); err != nil {
		t.Fatal(err)
	}
	if err := b.end(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	b.args = []string{"--connections", fmt.Sprint(many + 200), "--connections-from", fmt.Sprint(many + 200)}
	b.launch()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	pull := func() {
		t.Helper()
		if there, err := pulled.read(t.Context(), b); err != nil || !there {
			t.Errorf("a pull: there: %t, %v", there, err)
		}
	}
	pull()
	before := b.resources(t)
	conns := make([]net.Conn, many)
	var opening sync.WaitGroup
	for n := range 50 {
		opening.Go(func() {
			for at := n; at < many; at += 50 {
				c, err := net.Dial("tcp", b.addr)
				if err != nil {
					t.Error(err)
					return
				}
				conns[at] = c
				fmt.Fprint(c, "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
				a, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, a.Body) //nolint:errcheck // the status tells
				if a.StatusCode != 401 {
					t.Errorf("%s", a.Status)
				}
			}
		})
	}
	opening.Wait()
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	if t.Failed() {
		return
	}
	open := b.resources(t)
	each := (open.memory - before.memory) / many
	t.Logf("%d idle connections: %d KB of memory each, %d MB in all; %+v, %+v before", many, each>>10, open.memory>>20, open, before)
	if open.files < many {
		t.Errorf("%d files are open: some connections were closed", open.files)
	}
	if each > 40<<10 {
		t.Errorf("a connection that does nothing takes %d bytes", each)
	}
	for range 20 {
		pull()
	}
	if *idle {
		ends := map[string]int{}
		until := time.Now().Add(4 * time.Minute)
		for _, c := range conns {
			c.SetReadDeadline(until) //nolint:errcheck // a hang would only last longer
			n, err := c.Read(make([]byte, 1))
			if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("an idle connection is not closed: %d, %v", n, err)
			}
			var operation *net.OpError
			if errors.As(err, &operation) {
				err = operation.Err
			}
			ends[err.Error()]++
		}
		t.Logf("they ended with %v", ends)
	} else {
		for _, c := range conns {
			c.Close()
		}
	}
	soon(t, "goroutines and files are what they were", 30*time.Second, func() bool {
		after := b.resources(t)
		return after.goroutines <= before.goroutines+8 && after.files <= before.files+8
	})
	pull()
	b.fsck(t)
}
