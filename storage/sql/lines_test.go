package sql

import (
	"context"
	"slices"
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
