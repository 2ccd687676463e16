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

	taken   map[string]bool // the accounts of which a write has been taken for the commit that is being made
	emptied bool            // all writes of one of them have been
}

// line is what waits of one account, in the order in which it came.
type line struct {
	account string
	waiting list.List // of *write
}

func newLines() *lines {
	return &lines{of: map[string]*list.Element{}, some: make(chan struct{}, 1), taken: map[string]bool{}}
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

// first takes the first write of a commit; nil where there is none. over says that there will be no more.
func (l *lines) first() (one *write, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.taken)
	l.emptied = false
	if l.ring.Len() == 0 {
		return nil, l.ended
	}
	return l.take(), false
}

// more takes another write for the same commit: one of each account, and then, until one of them has no more, of all. For that account's sake the commit is made then: it would only
// wait for the others' writes, of which it may be that there is no end.
func (l *lines) more() *write {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.ring.Front(); e == nil || l.emptied && l.taken[e.Value.(*line).account] {
		return nil
	}
	return l.take()
}

// take takes the write whose turn it is.
func (l *lines) take() *write {
	e := l.ring.Front()
	mine := e.Value.(*line)
	l.taken[mine.account] = true
	one := mine.waiting.Remove(mine.waiting.Front()).(*write)
	if mine.waiting.Len() > 0 {
		l.ring.MoveToBack(e)
	} else {
		l.ring.Remove(e)
		delete(l.of, mine.account)
		l.emptied = true
	}
	return one
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
