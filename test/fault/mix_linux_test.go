package fault_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// F35: what the other cases do one by one happens in any order, each thing among pushes, deletions and a collection that never rests. After each, everything acknowledged is there, byte for byte, or gone. The seed that is printed gives
// the same order again.
//
// It is three faults, some 10 s; 60 in the long version.
func TestMix(t *testing.T) {
	l := newLaboratory(t, "ext4", hasty(t))
	steps := newSteps(t)
	l.env = []string{steps.variable(), "BERTH_LEASE=20s"}
	l.kill()
	l.start(t)
	// await waits until the program has ended.
	await := func() error {
		for until := time.Now().Add(20 * time.Second); !l.over(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				return errors.New("it has not ended")
			}
		}
		return nil
	}
	folders := func() (all []string) {
		for n := range 256 {
			all = append(all, fmt.Sprintf("%s/blob/%02x", l.blobs, n))
		}
		return all
	}
	faults := []struct {
		name string
		is   func() error
	}{
		{"power cut that keeps names", func() error { return l.cut(keeping) }},
		{"power cut that loses names", func() error { return l.cut(losing) }},
		{"killed at a step", func() error {
			steps.left.Store(1 + l.random.Int64N(200))
			return await()
		}},
		{"stands still", func() error {
			err := l.process.Process.Signal(syscall.SIGSTOP)
			time.Sleep(time.Second)
			return errors.Join(err, l.process.Process.Signal(syscall.SIGCONT))
		}},
		{"database locked", l.locked},
		{"commit not durable", func() error {
			stop := spoil(t, l.berth, "error=EIO", filepath.Join(l.data, "berth.db-wal"))
			err := l.ended(20 * time.Second) // before strace, which waits for it
			stop()
			var status *exec.ExitError
			if errors.As(err, &status) {
				return nil
			}
			return errors.Join(err, errors.New("the server went on after a commit that was not durable"))
		}},
		{"folders not durable", func() error {
			stop := spoil(t, l.berth, "error=EIO", folders()...)
			time.Sleep(500 * time.Millisecond)
			stop()
			return nil
		}},
		{"disk of layers full", func() error {
			stuff(t, l.disks[1].path, 100_000)
			time.Sleep(500 * time.Millisecond)
			return os.Remove(l.disks[1].path + "/stuffing")
		}},
		{"a layer damaged", func() error { return l.damaged(t) }},
		{"told to end", func() error { return l.end(40 * time.Second) }},
	}
	many := 3
	if *soak {
		many = 60
	}
	happened := map[string]int{}
	for range many {
		f := faults[l.random.IntN(len(faults))]
		l.among(t, 1+l.random.IntN(4), 1+l.random.IntN(20), f.is)
		steps.left.Store(0)
		happened[f.name]++
		if l.over() || l.process.ProcessState != nil {
			l.kill()
			l.powered()
			l.start(t)
		}
		for _, f := range l.oracle.compare(t, l.berth, false) {
			t.Errorf("%s: %s", f.kind, f.what)
		}
		l.fsck(t)
		if t.Failed() {
			t.Fatalf("after: %s", f.name)
		}
	}
	for _, f := range l.oracle.compare(t, l.berth, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	l.oracle.logged(t, l.berth)
	l.fsck(t, "--deep")
	t.Logf("%d acknowledged pushes, %d images at the end; %v", l.oracle.acks, len(l.oracle.there), happened)
}

// among has clients push and delete; when so many pushes were acknowledged the fault happens, and when that is over they stop.
func (l *laboratory) among(t testing.TB, clients, until int, fault func() error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var working sync.WaitGroup
	var done atomic.Int64
	enough := make(chan struct{})
	l.clients(ctx, t, &working, clients, func() {
		if done.Add(1) == int64(until) {
			close(enough)
		}
	}, stop)
	select {
	case <-enough:
		if err := fault(); err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("the clients did not come to so many pushes")
	}
	stop()
	working.Wait()
}

// locked has another process hold the database for longer than a request waits.
func (l *laboratory) locked() error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(l.data, "berth.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	time.Sleep(6 * time.Second)
	_, err = db.Exec("ROLLBACK")
	return err
}

// damaged spoils a layer of an image that is there: whoever pulls it does not get wrong bytes with a clean end, and the next push mends it.
func (l *laboratory) damaged(t *testing.T) error {
	i := newImage(l.random, fmt.Sprint("damaged", l.pushes), nil, 100_000)
	l.pushes++
	for n := 0; ; n++ {
		err := l.oracle.push(t.Context(), l.berth, i)
		if err == nil {
			break
		}
		if n == 3 {
			return err
		}
	}
	l.oracle.mu.Lock()
	delete(l.oracle.there, i.tag) // or it may be deleted meanwhile
	l.oracle.mu.Unlock()
	file, err := os.OpenFile(objectOf(t, l.berth, i.blobs[1]), os.O_RDWR, 0)
	if err == nil {
		_, err = file.WriteAt([]byte{^i.blobs[1][50_000]}, 50_000)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return err
	}
	if status, _, got, err := l.ask("GET", l.path("/blobs/%s", i.layer()), nil, ""); err == nil && status == 200 {
		return fmt.Errorf("damaged bytes came with a clean end: %d", len(got))
	}
	return l.oracle.push(t.Context(), l.berth, i)
}
