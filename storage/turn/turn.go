// Package turn decides whose request works next. A server that is asked for more than it can do is slow for everybody, unless it says who comes first: here a
// bounded number of requests work at once, and the others wait, those of each account in a line of their own. Lines are served one after the other, so an
// account waits for one request of each other account, and not for all of them (docs/decisions/fairness.md).
//
// A request has a turn while it computes. While it waits for something that is not the processor it gives the turn up, with Pause.
package turn

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrFull is of a request whose line is too long, and ErrLate of one that has waited too long.
var (
	ErrFull = errors.New("too many requests wait")
	ErrLate = errors.New("no turn came in time")
)

// Turns are what there is to share. Nothing may be copied once it is used.
type Turns struct {
	most    int64         // turns at once
	line    int           // the most that may wait in one line
	waiters int           // the most that may wait in all lines, before those that are longer than their share take no more
	patient time.Duration // how long one waits

	// state is how many work, and above 32 bits how many wait: one value, so that nobody can begin to wait while the last one that works ends. Where nobody waits
	// it is all that is touched.
	state atomic.Int64

	look *look // nil: the network is not looked at between turns

	mu    sync.Mutex
	lines map[string]*list.Element // by account, of *line
	ring  list.List                // the lines that somebody waits in, that first whose turn is next
}

const oneWaits = 1 << 32

// line is who waits of one account: again a ring, of its principals, so that one of them does not keep the others waiting either.
type line struct {
	account string
	long    int
	callers map[string]*list.Element // of *caller
	ring    list.List
}

// caller is who waits of one principal, in the order in which they came.
type caller struct {
	name    string
	waiting list.List // of *Turn
}

// New shares so many turns.
func New(turns int) *Turns {
	return &Turns{most: int64(turns), line: 1000, waiters: 10_000, patient: 10 * time.Second, lines: map[string]*list.Element{}}
}

// Turn is one request's. Its zero value has none yet; it is used by one goroutine.
type Turn struct {
	of     *Turns
	has    bool
	whose  string
	came   chan struct{}
	in     *line
	caller *caller
	place  *list.Element
}

// Try takes a turn if one is free. It is Take without a line, for who would first have to find out in which he belongs.
func (t *Turn) Try(of *Turns) bool {
	t.of = of
	if of.look.due() {
		return false
	}
	for {
		s := of.state.Load()
		if s >= of.most { // all work, or somebody waits
			return false
		}
		if of.state.CompareAndSwap(s, s+1) {
			t.has = true
			return true
		}
	}
}

// Take waits until it is the turn of a request of this account and principal. Without others that wait it costs one atomic operation and no allocation. Its
// errors are ErrFull, ErrLate, and that of ctx.
func (t *Turn) Take(ctx context.Context, of *Turns, account, principal string) error {
	if t.Try(of) {
		return nil
	}
	if at, err := of.queue(t, account, principal); err != nil || at {
		return err
	}
	patience := time.NewTimer(of.patient)
	defer patience.Stop()
	err := ErrLate
	select {
	case <-t.came:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	if t.has {
		return nil // it came just now
	}
	of.forget(t)
	of.state.Add(-oneWaits)
	return err
}

// queue puts t into its line, unless there is a turn after all.
func (of *Turns) queue(t *Turn, account, principal string) (has bool, err error) {
	of.mu.Lock()
	defer of.mu.Unlock()
	e := of.lines[account]
	long := 0
	if e != nil {
		long = e.Value.(*line).long
	}
	for {
		s, due := of.state.Load(), of.look.due()
		if s < of.most && !due {
			if of.state.CompareAndSwap(s, s+1) {
				t.has = true
				return true, nil
			}
			continue
		}
		if waiting := int(s >> 32); long >= of.line || waiting >= of.waiters && long >= of.waiters/max(1, len(of.lines)) {
			return false, ErrFull
		}
		if of.state.CompareAndSwap(s, s+oneWaits) {
			break
		}
	}
	if e == nil {
		e = of.ring.PushBack(&line{account: account, callers: map[string]*list.Element{}})
		of.lines[account] = e
	}
	t.in = e.Value.(*line)
	c := t.in.callers[principal]
	if c == nil {
		c = t.in.ring.PushBack(&caller{name: principal})
		t.in.callers[principal] = c
	}
	t.caller = c.Value.(*caller)
	t.place = t.caller.waiting.PushBack(t)
	t.in.long++
	t.came = make(chan struct{})
	return false, nil
}

// forget takes t out of its line, and the line out of the ring if nobody is left in it.
func (of *Turns) forget(t *Turn) {
	l, c := t.in, t.caller
	c.waiting.Remove(t.place)
	if c.waiting.Len() == 0 {
		l.ring.Remove(l.callers[c.name])
		delete(l.callers, c.name)
	}
	if l.long--; l.long == 0 {
		of.ring.Remove(of.lines[l.account])
		delete(of.lines, l.account)
	}
}

// For notes whose request it is.
func (t *Turn) For(account string) { t.whose = account }

// Account is what For has noted; "" of what berth does by itself.
func (t *Turn) Account() string {
	if t == nil {
		return ""
	}
	return t.whose
}

// End gives the turn to who is next. It may be called more than once.
func (t *Turn) End() {
	if t.has {
		t.has = false
		t.of.leave()
	}
}

// leave ends one turn.
func (of *Turns) leave() {
	for {
		s := of.state.Load()
		if s >= oneWaits {
			break
		}
		if of.state.CompareAndSwap(s, s-1) {
			return
		}
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	of.state.Add(-1)
	if !of.look.due() {
		of.give()
	}
}

// give gives the turns that are free to those who are next.
func (of *Turns) give() {
	for first := of.ring.Front(); first != nil && of.Working() < int(of.most); first = of.ring.Front() { // who went on after a pause has to make room first
		l := first.Value.(*line)
		of.ring.MoveToBack(first)
		mine := l.ring.Front()
		l.ring.MoveToBack(mine)
		next := mine.Value.(*caller).waiting.Front().Value.(*Turn)
		of.forget(next)
		of.state.Add(1 - oneWaits)
		next.has = true
		close(next.came)
	}
}

// Working and Waiting are how many requests have a turn, and how many wait for one.
func (of *Turns) Working() int { return int(of.state.Load() & (oneWaits - 1)) }

// Waiting is how many requests wait for a turn.
func (of *Turns) Waiting() int { return int(of.state.Load() >> 32) }

// Pause gives the turn up while its request waits for a disk, the network or a client, and reports whether there was one to give up. Resume, which is told that,
// takes it again, without waiting: what holds a transaction must not stand in a line. For as long as there are then more at work than there should be, nobody
// else begins.
func (t *Turn) Pause() (paused bool) {
	if t == nil || !t.has {
		return false
	}
	t.has = false
	t.of.leave()
	return true
}

// Resume ends a Pause.
func (t *Turn) Resume(paused bool) {
	if paused {
		t.has = true
		t.of.state.Add(1)
	}
}

type key struct{}

// Key is by which a context answers the *Turn of its request. It is for contexts that hold one without allocating.
func Key() any { return key{} }

// Of is the turn of ctx's request; nil, which can be paused too, where there is none.
func Of(ctx context.Context) *Turn {
	t, _ := ctx.Value(key{}).(*Turn)
	return t
}
