package sql

import (
	"container/list"
	"sync"
)

// lines are the writes that wait for SQLite's one writer: those of each account in a line of their own, which take turns (docs/decisions/fairness.md). So an
// account's write comes after one of each other account, and not after all that another has asked for.
type lines struct {
	mu    sync.Mutex
	of    map[string]*list.Element // by account, of *line
	ring  list.List                // that first whose turn is next
	some  chan struct{}            // holds one when something may be there
	ended bool
}

// line is what waits of one account, in the order in which it came.
type line struct {
	account string
	waiting list.List // of *write
}

func newLines() *lines {
	return &lines{of: map[string]*list.Element{}, some: make(chan struct{}, 1)}
}

// add puts a write at the end of its account's line, and reports whether it may still happen.
func (l *lines) add(account string, one *write) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	e := l.of[account]
	if e == nil {
		e = l.ring.PushBack(&line{account: account})
		l.of[account] = e
	}
	e.Value.(*line).waiting.PushBack(one)
	l.wake()
	return true
}

// next takes the write whose turn it is; nil where there is none. over says that there will be no more.
func (l *lines) next() (one *write, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.ring.Front()
	if first == nil {
		return nil, l.ended
	}
	mine := first.Value.(*line)
	one = mine.waiting.Remove(mine.waiting.Front()).(*write)
	if mine.waiting.Len() > 0 {
		l.ring.MoveToBack(first)
	} else {
		l.ring.Remove(first)
		delete(l.of, mine.account)
	}
	return one, false
}

// end lets nothing in any more.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.wake()
}

func (l *lines) wake() {
	select {
	case l.some <- struct{}{}:
	default:
	}
}
