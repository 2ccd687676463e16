package sql

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/turn"
)

// turned is the context of an account's request.
type turned struct {
	context.Context
	turn turn.Turn
}

func (c *turned) Value(key any) any {
	if key == turn.Key() {
		return &c.turn
	}
	return c.Context.Value(key)
}

// An account's write to SQLite comes after one of each other account, however many those want to do, and its own keep their order; so do those of berth itself, who is
// nobody's account.
func TestWritesTakeTurns(t *testing.T) {
	db, err := Open(t.Context(), "sqlite:"+t.TempDir()+"/berth.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var order []string // written to by the writer alone
	var all sync.WaitGroup
	write := func(account string, f func()) {
		ctx := &turned{Context: t.Context()}
		ctx.turn.For(account)
		waiting := db.writer.lines.count()
		all.Go(func() {
			if err := db.Write(ctx, func(*Tx) error { order = append(order, account); f(); return nil }); err != nil {
				t.Error(err)
			}
		})
		for account != "first" && db.writer.lines.count() == waiting {
			time.Sleep(100 * time.Microsecond)
		}
	}
	begun, going := make(chan struct{}), make(chan struct{})
	write("first", func() { close(begun); <-going })
	<-begun
	for range 100 {
		write("flood", func() {})
	}
	for _, account := range []string{"small", "", "small"} {
		write(account, func() {})
	}
	close(going)
	all.Wait()
	if want := []string{"first", "flood", "small", "", "flood", "small", "flood"}; len(order) != 104 || !slices.Equal(order[:len(want)], want) {
		t.Errorf("%d, %q", len(order), order)
	}
	if db.writer.lines.count() != 0 || len(db.writer.lines.of) != 0 {
		t.Error("a line is left behind")
	}
}

func (l *lines) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.ring.Front(); e != nil; e = e.Next() {
		n += e.Value.(*line).waiting.Len()
	}
	return n
}

// A commit takes one write of each account, and more until all of somebody's are in it. Then it is made: it does not wait for those who have some in it already.
func TestCommitsWaitForNoFlood(t *testing.T) {
	for _, c := range []struct{ waiting, commits string }{
		{"aaaa", "aaaa"},                   // one account's clients share commits
		{"abcd", "abcd"},                   // and so do accounts
		{"aaaaaaba", "ab aaaaaa"},          // but nobody waits for a flood
		{"aaaaaabcdbaa", "abcd ab aaaaaa"}, // nor do several
		{"ababab", "ababa b"},              // two floods share them
		{"", ""},
	} {
		l := newLines()
		names := map[*write]string{}
		for _, account := range c.waiting {
			one := &write{}
			names[one] = string(account)
			l.add(string(account), one)
		}
		commits := ""
		for one, _ := l.first(); one != nil; one, _ = l.first() {
			for commits += " "; one != nil; one = l.more() {
				commits += names[one]
			}
		}
		if got := strings.TrimSpace(commits); got != c.commits {
			t.Errorf("of %q come the commits %q, want %q", c.waiting, got, c.commits)
		}
	}
}
