package registry

import (
	"context"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

// TakeLifecycleTurn is what a node leaves that dies right after it has taken its turn.
func TakeLifecycleTurn(now time.Time) func(tx *sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE lifecycle SET due_at = $1, turn = turn + 1`, sql.Micros(now.Add(lifecycleLease)))
		return err
	}
}

// RunLifecycleAround is RunLifecycle with something that happens after the run has chosen its images, of which it acts upon most, and before it acts.
func (g *Registry) RunLifecycleAround(ctx context.Context, most int, between func()) (*LifecycleRun, error) {
	run, err := g.beginLifecycle(ctx)
	if run == nil || err != nil {
		return nil, err
	}
	run.most = most
	if err := run.choose(ctx); err != nil {
		return run.end(err)
	}
	between()
	return run.end(run.carryOut(ctx))
}

// Queries whose plans tests look at.
const (
	NewerKeepers   = newerKeepers
	CondemnedFirst = condemnedFirst
)

// DefaultLimits are the quotas of a registry for which nobody set any.
func DefaultLimits() Limits { return Limits{}.orDefault() }

// WritePulls writes the times of pulls, without waiting for the second to be over.
func (g *Registry) WritePulls() { g.pulls.flush() }

// SetWall sets what other processes read on the clock.
func (g *Registry) SetWall(wall func() time.Time) { g.wall = wall }
