package blob

import (
	"context"
	"errors"
	"testing"
)

// H14, F15: clients of one account on thin lines, each of which keeps a buffer for as long as its upload takes, keep no other account from pushing.
func TestBuffersAreSharedBetweenAccounts(t *testing.T) {
	b := newBuffers(4)
	take := func(account string) *[partSize]byte {
		t.Helper()
		buffer, err := b.take(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		return buffer
	}
	slow := take("slow")
	take("slow")
	if b.try("slow") != nil {
		t.Error("one account has more than its half")
	}
	// wait waits for a buffer beside the test, until it is in the line.
	wait := func(account string) chan string {
		got, before := make(chan string, 1), b.lineLength()
		go func() {
			if _, err := b.take(context.WithoutCancel(t.Context()), account); err == nil {
				got <- account
			}
		}()
		for b.lineLength() == before {
		}
		return got
	}
	again := wait("slow")
	one := take("quick")
	other := b.try("third")
	if other == nil {
		t.Fatal("who waits for his own share keeps others from what is free")
	}
	quick := wait("quick")
	b.give("third", other)
	<-quick // "slow" came first, and has more
	third := wait("third")
	b.give("quick", one)
	<-third
	b.give("slow", slow)
	<-again

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.take(ctx, "quick"); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that has gone: %v", err)
	}
	if n := b.lineLength(); n != 0 || b.free != 0 || len(b.held) != 3 {
		t.Errorf("%d wait, %d are free, %v", n, b.free, b.held)
	}
}

func (b *buffers) lineLength() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting.Len()
}
