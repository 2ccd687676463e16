package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/berth-registry/berth/storage/blob"
)

// running is the note of a backup that is being made in a bucket. A folder is locked instead.
type running struct {
	Run   string    `json:"run"`
	Began time.Time `json:"began"`
	// Until is when it counts as dead unless it says something before.
	Until time.Time `json:"until"`
}

const (
	runningName = "running.json"
	// runningTime is how long a backup that says nothing more keeps others from its place.
	runningTime = 5 * time.Minute
)

var (
	// ErrRunning says that another backup to the same place is being made.
	ErrRunning = errors.New("another backup to this place is being made")
	// errOvertaken says that a backup stood still for so long that another one began.
	errOvertaken = errors.New("another backup to the same place has begun meanwhile: this one is given up")
)

// alone keeps other backups from the place until stop is called, or for some minutes after the last sign of life if that never happens: the one that began later would remove
// what the rows of the other one need, which that would then make the backup. The context that it answers ends when another has taken over. The error is ErrRunning.
func (p *Place) alone(ctx context.Context) (_ context.Context, stop func(), err error) {
	if p.folder != "" {
		return ctx, func() {}, nil
	}
	other, err := p.running(ctx)
	if err != nil {
		return nil, nil, err
	}
	if other != nil && now().Before(other.Until) {
		return nil, nil, fmt.Errorf("%w, since %s: wait for its end; if it was killed, run this again after %s",
			ErrRunning, other.Began.Format(time.RFC3339), other.Until.Format(time.RFC3339))
	}
	p.run = uuid.NewString()
	began := now()
	say := func(ctx context.Context) error {
		text, err := json.Marshal(running{p.run, began, now().Add(runningTime)})
		if err != nil {
			return err
		}
		return p.setNote(ctx, runningName, text)
	}
	if err := say(ctx); err != nil {
		return nil, nil, err
	}
	kept, end := keepUp(ctx, runningTime, func(ctx context.Context) error { return errors.Join(p.first(ctx), say(ctx)) })
	return kept, func() {
		end()
		ctx := context.WithoutCancel(ctx)
		if p.first(ctx) == nil {
			_ = p.setNote(ctx, runningName, nil) // the next one waits for some minutes then
		}
	}, nil
}

// running is the backup that is being made at the place, or was and came to no end; nil if there is none.
func (p *Place) running(ctx context.Context) (*running, error) {
	text, err := p.note(ctx, runningName)
	if errors.Is(err, blob.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	other := &running{}
	if err := json.Unmarshal(text, other); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", runningName, err)
	}
	return other, nil
}

// first fails when the backup of alone is not the one that is being made any more.
func (p *Place) first(ctx context.Context) error {
	if p.folder != "" {
		return nil
	}
	is, err := p.running(ctx)
	if err == nil && (is == nil || is.Run != p.run) {
		err = errOvertaken
	}
	return err
}

// keepUp says something again each minute until stop is called. The context that it answers ends when that has failed for nearly as long as it holds, or as soon as the error is
// errOvertaken; its cause is the error.
func keepUp(ctx context.Context, holds time.Duration, again func(ctx context.Context) error) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		said := time.Now()
		tick := time.NewTicker(holdAgain)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			now := time.Now()
			err := again(ctx)
			if err == nil {
				said = now
			} else if errors.Is(err, errOvertaken) || time.Since(said) > holds-holdAgain {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}
