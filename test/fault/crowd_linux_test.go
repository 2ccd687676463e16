package fault_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// F13: another process has the database to itself, in the long version for half a minute. Who wants to write waits, but not for ever, and is told when to try again; pulls go on.
func TestDatabaseLocked(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(7, 8))
	if err := o.push(t.Context(), b, newImage(random, "before", nil)); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.data, "berth.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err == nil {
		_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	}
	if err != nil {
		t.Fatal(err)
	}
	small := newImage(random, "locked", nil, 200)
	var held time.Duration // as long as one request takes
	if *soak {
		held = 30 * time.Second
	}
	for locked := time.Now(); ; {
		began := time.Now()
		status, header, body, err := b.ask("POST", b.path("/blobs/uploads/?digest=%s", digest(small.blobs[1])), small.blobs[1], "application/octet-stream")
		if err != nil || status != 503 || header.Get("Retry-After") == "" || !strings.Contains(string(body), "busy") || time.Since(began) > 30*time.Second {
			t.Errorf("after %v: %d %s, %v", time.Since(began), status, body, err)
		}
		for _, f := range o.compare(t, b, true) {
			t.Errorf("beside a locked database: %s %s", f.kind, f.what)
		}
		if time.Since(locked) > held {
			break
		}
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := o.push(t.Context(), b, small); err != nil {
		t.Error(err)
	}
	b.fsck(t, "--deep")
}

// F32: there are no file descriptors left. Nothing ends, whatever is answered is right or says to try again, and when the crowd has gone everything works.
func TestFileDescriptorsExhausted(t *testing.T) {
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("prlimit is not here (apt-get install util-linux)")
	}
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(9, 10))
	for n := range 5 {
		if err := o.push(t.Context(), b, newImage(random, fmt.Sprint("before", n), nil, 300_000)); err != nil {
			t.Fatal(err)
		}
	}
	b.kill()
	b.before = []string{prlimit, "--nofile=64:64"}
	b.launch()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	var crowd []net.Conn
	var working sync.WaitGroup
	b.client.Timeout = time.Second
	for n := range 8 {
		random := rand.New(rand.NewPCG(11, uint64(n)))
		working.Go(func() {
			for at := range 3 {
				i := newImage(random, fmt.Sprintf("crowd%d-%d", n, at), nil, 300_000)
				for _, content := range i.blobs {
					status, _, body, err := b.ask("POST", b.path("/blobs/uploads/?digest=%s", digest(content)), content, "application/octet-stream")
					if err == nil && status != 201 && status != 503 {
						t.Errorf("a push was answered %d %s", status, body)
					}
				}
			}
		})
	}
	for range 100 {
		if conn, err := net.DialTimeout("tcp", b.addr, time.Second); err == nil {
			crowd = append(crowd, conn)
		}
	}
	working.Wait()
	for _, conn := range crowd {
		conn.Close()
	}
	b.client.CloseIdleConnections()
	b.client.Timeout = time.Minute
	soon(t, "it answers again", 20*time.Second, func() bool { return b.health() == 200 })
	if err := o.push(t.Context(), b, newImage(random, "after", nil, 300_000)); err != nil {
		t.Error(err)
	}
	for _, f := range o.compare(t, b, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	if err := b.end(30 * time.Second); err != nil {
		t.Errorf("it did not end well: %v %s", err, b.said())
	}
	b.fsck(t, "--deep")
}

// F34: nobody reads the log. Requests are answered all the same, mutations are in the audit log, and the server ends when it is asked to.
func TestLogBlocked(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	b.kill()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	b.stderr, b.args = writer, []string{"--log-level", "info"}
	b.launch()
	writer.Close()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	b.client.Timeout = 20 * time.Second
	path := b.path("/manifests/none") + strings.Repeat("x", 100)
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() { // some ten times as much log as a pipe holds
			for range 500 {
				if status, _, _, err := b.ask("GET", path, nil, ""); err != nil || status != 404 {
					t.Errorf("%d %v", status, err)
					return
				}
			}
		})
	}
	working.Wait()
	o := newOracle()
	if err := o.push(t.Context(), b, newImage(rand.New(rand.NewPCG(12, 13)), "pushed", nil)); err != nil {
		t.Error(err)
	}
	if err := b.end(15 * time.Second); err != nil {
		t.Errorf("it does not end while its log is blocked: %v", err)
	}
	b.fsck(t, "--deep")
}

// F31: the server is asked to end while 100 layers come in. It takes them to their end, refuses none with a 5xx, and is gone within its time.
func TestEndAmongPushes(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	const many = 100
	b.client.Transport = &http.Transport{MaxIdleConnsPerHost: many}
	var working sync.WaitGroup
	rest := make(chan struct{})
	random := rand.New(rand.NewPCG(14, 15))
	var contents [many][]byte
	for n := range many {
		contents[n] = newImage(random, "", nil, 600_000).blobs[1]
		working.Go(func() {
			in, out := io.Pipe()
			go func() {
				_, _ = out.Write(contents[n][:550_000])
				<-rest
				_, err := out.Write(contents[n][550_000:])
				out.CloseWithError(err)
			}()
			r, err := http.NewRequestWithContext(context.Background(), "POST", "http://"+b.addr+b.path("/blobs/uploads/?digest=%s", digest(contents[n])), in)
			if err != nil {
				t.Error(err)
				return
			}
			r.ContentLength = int64(len(contents[n]))
			r.Header.Set("Authorization", b.auth)
			resp, err := b.client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 201 {
				t.Errorf("a layer that had begun was answered %s %s", resp.Status, body)
			}
		})
	}
	soon(t, "the server has the beginning of all", 30*time.Second, func() bool { // which it writes by 512 KiB
		files, err := os.ReadDir(filepath.Join(b.blobs, "upload"))
		return err == nil && len(files) == many
	})
	time.AfterFunc(500*time.Millisecond, func() { close(rest) })
	if err := b.end(30 * time.Second); err != nil {
		t.Errorf("it did not end well: %v %s", err, b.said())
	}
	working.Wait()
	b.launch()
	if err := b.ready(); err != nil {
		t.Fatal(err)
	}
	for _, content := range contents {
		if status, _, got, err := b.ask("GET", b.path("/blobs/%s", digest(content)), nil, ""); err != nil || status != 200 || !bytes.Equal(got, content) {
			t.Errorf("a layer is answered %d, %v", status, err)
		}
	}
	b.fsck(t, "--deep")
}
