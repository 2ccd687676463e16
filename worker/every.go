// Package worker holds what the workers have in common, each of which is a package below it: they do what is due, and look again after a while.
package worker

import (
	"context"
	"time"
)

// Every does the work now, and again each time that the interval is over, until ctx ends. Work that takes longer than the interval is not done twice at once, and not
// caught up on: what is due is in the database, and the next time finds all of it.
func Every(ctx context.Context, interval time.Duration, work func(ctx context.Context)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		work(ctx)
		Alive(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}
