// Package fault is the laboratory in which berth is put through what machines do to registries. What was acknowledged is remembered elsewhere and compared.
//
// go test ./test/fault -cuts 70 -acks 1000 is the long version (make soak).
package fault_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	cuts = flag.Int("cuts", 12, "power cuts at the least")
	acks = flag.Int("acks", 150, "acknowledged pushes at the least")
	seed = flag.Uint64("seed", 0, "seed of the laboratory's choices; 0 is another one each time")
	soak = flag.Bool("soak", false, "kill at all steps and not at some, and go on for as long as it takes to believe it")
)

// laboratory is an installation on two disks, database and blobs, whose power is cut together.
type laboratory struct {
	*berth
	disks  [2]*disk
	oracle *oracle
	random *rand.Rand
	shared [][]byte
	pushes int
}

func newLaboratory(t testing.TB, kind, program string) *laboratory {
	t.Helper()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	// On two disks, for an fsync of the database also makes durable what the blobs' folder had not fsynced, if it is on the same one.
	data, blobs := newDisk(t, kind, "data", 256), newDisk(t, kind, "blobs", 512)
	l := &laboratory{disks: [2]*disk{data, blobs}, oracle: newOracle(), random: rand.New(rand.NewPCG(*seed, 1))}
	l.shared = newImage(l.random, "", [][]byte{[]byte("shared")}).blobs
	l.berth = newBerth(t, program, data.path+"/data", blobs.path+"/blobs")
	return l
}

// work pushes and deletes with some clients until so many pushes were acknowledged; then the power goes.
func (l *laboratory) work(t testing.TB, clients, until int, kind uint32) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var working sync.WaitGroup
	var done atomic.Int64
	var once sync.Once
	cut := func() {
		once.Do(func() {
			err := l.cut(kind)
			stop()
			if err != nil {
				t.Error(err)
			}
		})
	}
	l.clients(ctx, t, &working, clients, func() {
		if done.Add(1) >= int64(until) {
			cut() // at the very moment when a client has its answer
		}
	}, cut)
	working.Wait()
}

// clients push and delete until ctx ends. acked is called for each push that was acknowledged, and refused once for one that was refused.
func (l *laboratory) clients(ctx context.Context, t testing.TB, working *sync.WaitGroup, clients int, acked, refused func()) {
	for n := range clients {
		random := rand.New(rand.NewPCG(l.random.Uint64(), uint64(n)))
		first := l.pushes
		l.pushes += 1_000_000
		working.Go(func() {
			for at := first; ctx.Err() == nil; at++ {
				if random.IntN(6) == 0 {
					if err := l.oracle.remove(ctx, l.berth); err != nil && !errors.Is(err, errAway) && ctx.Err() == nil {
						t.Error(err)
					}
				}
				err := l.oracle.push(ctx, l.berth, newImage(random, fmt.Sprintf("t%d", at), l.shared))
				if err != nil && !errors.Is(err, errAway) && ctx.Err() == nil {
					t.Errorf("a push was refused: %v", err)
					refused()
				}
				if err == nil {
					acked()
				}
			}
		})
	}
}

// recover is what happens when the power is back. Sometimes it goes again at once (F05).
func (l *laboratory) recover(t testing.TB) error {
	t.Helper()
	for {
		l.powered()
		l.launch()
		if l.random.IntN(4) != 0 {
			return l.ready()
		}
		time.Sleep(time.Duration(l.random.IntN(300)) * time.Millisecond)
		if err := l.cut(uint32(keeping + l.random.IntN(2))); err != nil {
			return err
		}
	}
}

// cut cuts the power of both disks and of the program.
func (l *laboratory) cut(kind uint32) error {
	err := errors.Join(l.disks[1].cut(kind), l.disks[0].cut(kind))
	l.kill()
	return err
}

// powered has the power back.
func (l *laboratory) powered() {
	for _, d := range l.disks {
		d.back()
	}
}

// F02, F03, F04, F05: the power goes again and again, in the middle of pushes and deletions, and while the server starts. What was acknowledged is there, byte for byte, or
// gone; what was not is whole, or not there; the audit log has all of it (I12).
func TestPowerCuts(t *testing.T) { powerCuts(t, "ext4", *cuts, *acks) }

// F02, F03 and F05 on another file system, which orders writes in another way.
func TestPowerCutsXFS(t *testing.T) { powerCuts(t, "xfs", max(2, *cuts/6), *acks/10) }

func powerCuts(t *testing.T, kind string, cuts, acks int) {
	l := newLaboratory(t, kind, build(t, ""))
	done, found := 0, []finding(nil)
	for done < cuts || l.oracle.acks < acks {
		done++
		l.work(t, 1+l.random.IntN(4), 1+l.random.IntN(30), uint32(keeping+done%2))
		if err := l.recover(t); err != nil {
			t.Fatalf("after cut %d: %v", done, err)
		}
		found = append(found, l.oracle.compare(t, l.berth, false)...)
		l.fsck(t)
		if t.Failed() || len(found) > 0 {
			break
		}
	}
	found = append(found, l.oracle.compare(t, l.berth, true)...)
	l.oracle.logged(t, l.berth)
	l.fsck(t, "--deep")
	for _, f := range found {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	t.Logf("%d power cuts, %d acknowledged pushes, %d images at the end: %d findings", done, l.oracle.acks, len(l.oracle.there), len(found))
}
