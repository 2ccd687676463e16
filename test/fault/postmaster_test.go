package fault_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// F14: PostgreSQL is killed in the middle of pushes and deletions at two nodes, and recovers. What was acknowledged is there, byte for byte, or gone; the nodes go on by themselves.
func TestPostmasterKilled(t *testing.T) {
	t.Parallel()
	postgres := sqltest.Own(t)
	c := newCluster(t, build(t, ""), 2, postgres.DSN, nil)
	random := rand.New(rand.NewPCG(1, 9))
	shared := newImage(random, "", nil, 70_000).blobs
	o := newOracle()
	for round := range 2 {
		ctx, stop := context.WithCancel(t.Context())
		var working sync.WaitGroup
		for n, b := range c.nodes {
			r := rand.New(rand.NewPCG(random.Uint64(), uint64(n)))
			working.Go(func() {
				for at := 0; ctx.Err() == nil; at++ {
					err := o.push(ctx, b, newImage(r, fmt.Sprintf("r%d-%d-%d", round, n, at), shared))
					if err == nil && r.IntN(4) == 0 {
						err = o.remove(ctx, b)
					}
					if err != nil && !errors.Is(err, errAway) && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		acked := func() int {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.acks
		}
		before := acked()
		soon(t, "pushes are acknowledged", 30*time.Second, func() bool { return acked() >= before+10 })
		postgres.Kill()
		postgres.Start()
		for _, b := range c.nodes {
			soon(t, "the node has healed", 30*time.Second, func() bool { return b.health() == 200 })
		}
		before = acked()
		soon(t, "pushes are acknowledged again", 30*time.Second, func() bool { return acked() >= before+2 })
		stop()
		working.Wait()
	}
	for _, f := range o.compare(t, c.nodes[1], true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	c.fsck(t)
	t.Logf("%d acknowledged pushes", o.acks)
}
