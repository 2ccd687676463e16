package iam

import (
	"context"
	"testing"

	"github.com/berth-registry/berth/storage/turn"
)

// Who waits to have a password checked gives up his turn to work: guesses of passwords, of which few are checked at a time, do not keep the requests of others waiting.
func TestWaitingToStretch(t *testing.T) {
	turns, s := turn.New(1), newStretcher()
	var mine turn.Turn
	if err := mine.Take(t.Context(), turns, "a", ""); err != nil {
		t.Fatal(err)
	}
	for range stretchAtOnce {
		s.slots <- struct{}{}
	}
	waits := make(chan error, 1)
	go func() {
		done, err := s.turn(context.WithValue(t.Context(), turn.Key(), &mine))
		if err == nil {
			done()
		}
		waits <- err
	}()
	var other turn.Turn
	if err := other.Take(t.Context(), turns, "b", ""); err != nil {
		t.Errorf("a request of another account: %v", err)
	}
	<-s.slots
	if err := <-waits; err != nil {
		t.Error(err)
	}
	if n := turns.Working(); n != 2 { // it goes on without standing in line again
		t.Errorf("%d work", n)
	}
}
