package turn

import (
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Who asks over a connection that was at rest is read after few turns of a crowd that never rests, on whatever machine: of its requests the next is always there already, and what
// they do wakes other goroutines, so that Go's scheduler has no reason to look at the network.
func TestWhoArrivesIsReadAmongACrowd(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	of := New(4)
	stop, err := Watch(of)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	client := exec.Command("cat") // of another process: what it sends is not there before it is waited for
	to, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := client.StdoutPipe()
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer client.Wait() //nolint:errcheck // it has done what it was for
	defer to.Close()

	var turns atomic.Int64
	var over atomic.Bool
	var work atomic.Int64
	var crowd sync.WaitGroup
	for range 64 {
		crowd.Go(func() {
			var one Turn
			for !over.Load() {
				if err := one.Take(t.Context(), of, "A", ""); err != nil {
					t.Error(err)
					return
				}
				turns.Add(1)
				for range 7 { // as many as a query of SQLite starts
					crowd.Go(func() {})
				}
				for range 20_000 { // some microseconds of work
					work.Add(1)
				}
				one.End()
			}
		})
	}
	const asked = 20
	before := turns.Load()
	b := []byte{0}
	for range asked {
		if _, err := to.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := from.Read(b); err != nil {
			t.Fatal(err)
		}
		var one Turn
		if err := one.Take(t.Context(), of, "B", ""); err != nil {
			t.Fatal(err)
		}
		one.End()
	}
	each := (turns.Load() - before) / asked
	over.Store(true)
	crowd.Wait()
	if t.Logf("%d turns of others for each request", each); each > 100 {
		t.Errorf("a request waited for %d turns of others", each)
	}
	stop()
	var one Turn
	if err := one.Take(t.Context(), of, "A", ""); err != nil || of.Working() != 1 { // it goes on without
		t.Errorf("%d work, %v", of.Working(), err)
	}
	one.End()
	if of.Working() != 0 || of.Waiting() != 0 {
		t.Errorf("%d work, %d wait", of.Working(), of.Waiting())
	}
}
