package worker_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-registry/berth/worker"
)

// Work is done at once and then at every interval; what took longer than one is followed by the next at once, and not by all that were missed; after the end of ctx there
// is none.
func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		worker.Every(ctx, time.Minute, func(context.Context) {
			at = append(at, time.Since(began))
			switch len(at) {
			case 2:
				time.Sleep(5*time.Minute + time.Second)
			case 5:
				end()
			}
		})
		want := []time.Duration{0, time.Minute, 6*time.Minute + time.Second, 7 * time.Minute, 8 * time.Minute}
		if !slices.Equal(at, want) {
			t.Errorf("worked after %v, want %v", at, want)
		}
		worker.Every(ctx, time.Minute, func(context.Context) { t.Error("work after the end") })
	})
}
