package turn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// wait starts a request that says its name when its turn comes, and answers when it stands in line.
func wait(of *Turns, account, principal string, said chan<- string) *Turn {
	t, before := &Turn{}, of.Waiting()
	go func() {
		if err := t.Take(context.Background(), of, account, principal); err != nil {
			said <- err.Error()
			return
		}
		said <- account + principal
	}()
	for of.Waiting() == before {
		time.Sleep(time.Millisecond)
	}
	return t
}

// An account's first request comes after one of each other account, however many those have, and a principal's after one of each other of its account; among
// their own they keep their order.
func TestLinesTakeTurns(t *testing.T) {
	of, said := New(1), make(chan string)
	var first Turn
	if err := first.Take(t.Context(), of, "A", "1"); err != nil {
		t.Fatal(err)
	}
	turns := map[string][]*Turn{}
	for _, who := range []string{"A1", "A1", "A1", "A1", "A2", "B1", "B1", "C1"} {
		turns[who] = append(turns[who], wait(of, who[:1], who[1:], said))
	}
	last := &first
	for i, want := range []string{"A1", "B1", "C1", "A2", "B1", "A1", "A1", "A1"} {
		last.End()
		last.End() // a second time does nothing
		if got := <-said; got != want {
			t.Errorf("turn %d is of %s, not %s", i, got, want)
		}
		last = turns[want][0]
		turns[want] = turns[want][1:]
		if of.Working() != 1 {
			t.Errorf("%d work", of.Working())
		}
	}
	last.End()
	if of.Working() != 0 || of.Waiting() != 0 || len(of.lines) != 0 || of.ring.Len() != 0 {
		t.Errorf("%d work and %d wait in %d lines", of.Working(), of.Waiting(), len(of.lines))
	}
}

// Lines are bounded in length, one by one and together, and in time; who goes away leaves no place behind.
func TestLinesAreBounded(t *testing.T) {
	for name, c := range map[string]struct{ line, waiters int }{"one line": {3, 100}, "all lines": {100, 4}} {
		t.Run(name, func(t *testing.T) {
			of, said := New(1), make(chan string, 10)
			of.line, of.waiters = c.line, c.waiters
			var first Turn
			if err := first.Take(t.Context(), of, "A", ""); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				wait(of, "A", "", said)
			}
			wait(of, "B", "", said) // the fourth of all
			if err := new(Turn).Take(t.Context(), of, "A", ""); !errors.Is(err, ErrFull) {
				t.Errorf("another of A: %v", err)
			}
			wait(of, "B", "", said) // has less than its share
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := new(Turn).Take(ctx, of, "C", ""); !errors.Is(err, context.Canceled) {
				t.Errorf("who went away: %v", err)
			}
			if of.Waiting() != 5 || len(of.lines) != 2 {
				t.Errorf("%d wait in %d lines", of.Waiting(), len(of.lines))
			}
		})
	}
	of := New(1)
	of.patient = time.Millisecond
	if err := new(Turn).Take(t.Context(), of, "A", ""); err != nil {
		t.Fatal(err)
	}
	if err := new(Turn).Take(t.Context(), of, "B", ""); !errors.Is(err, ErrLate) || of.Waiting() != 0 {
		t.Errorf("who waited too long: %v", err)
	}
}

// A request that waits for something else lets others work meanwhile, and goes on without standing in line again.
func TestPause(t *testing.T) {
	of, said := New(1), make(chan string)
	var a Turn
	if err := a.Take(t.Context(), of, "A", ""); err != nil {
		t.Fatal(err)
	}
	b := wait(of, "B", "", said)
	paused := a.Pause()
	if a.Pause() {
		t.Error("paused twice")
	}
	<-said // B works
	c := wait(of, "C", "", said)
	a.Resume(false) // of the pause that was none
	a.Resume(paused)
	if of.Working() != 2 {
		t.Errorf("%d work", of.Working())
	}
	b.End() // makes room for A, and for nobody else
	if of.Working() != 1 || of.Waiting() != 1 {
		t.Errorf("%d work, %d wait", of.Working(), of.Waiting())
	}
	a.Pause()
	<-said // C works
	a.End()
	c.End()
	Of(t.Context()).Resume(Of(t.Context()).Pause()) // a worker's write has no turn
	if of.Working() != 0 || of.Waiting() != 0 {
		t.Errorf("%d work, %d wait", of.Working(), of.Waiting())
	}
}

// Whatever comes together, no more work at once than there are turns, and in the end all are free.
func TestManyAtOnce(t *testing.T) {
	of := New(3)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%7 == 0 {
					cancel()
				}
				var one Turn
				if one.Take(ctx, of, fmt.Sprint(i%5), fmt.Sprint(i)) == nil && of.Working() > 3 {
					t.Error("too many work")
				}
				one.End()
				cancel()
			}
		})
	}
	group.Wait()
	if of.Working() != 0 || of.Waiting() != 0 || len(of.lines) != 0 {
		t.Errorf("%d work and %d wait in %d lines", of.Working(), of.Waiting(), len(of.lines))
	}
}

// Where nobody waits a turn costs nothing that could be measured beside a request.
func TestATurnAllocatesNothing(t *testing.T) {
	of, ctx, one := New(2), t.Context(), new(Turn)
	if n := testing.AllocsPerRun(1000, func() {
		if err := one.Take(ctx, of, "A", "1"); err != nil {
			t.Error(err)
		}
		one.Resume(one.Pause())
		one.End()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTurn(b *testing.B) {
	of := New(64)
	b.RunParallel(func(p *testing.PB) {
		one := new(Turn)
		for p.Next() {
			if err := one.Take(context.Background(), of, "A", "1"); err != nil {
				b.Error(err)
			}
			one.End()
		}
	})
}
