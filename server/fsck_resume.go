package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	// deepName is the file of the data folder in which a deep run of fsck notes how far it is.
	deepName = "fsck.json"
	// deepEvery is how often it does: what was read since is read again.
	deepEvery = 10 * time.Second
)

// deepRun is a deep run of fsck that can be gone on with when it is interrupted, also by a crash (durability.md, section 1).
type deepRun struct {
	Installation string    `json:"installation"`
	Region       string    `json:"region,omitempty"`
	Began        time.Time `json:"began"`
	check.Position

	folder string
	noted  time.Time
	failed bool
}

// beginDeep has run go on where an earlier one was interrupted, if it is to, and notes how far it comes.
func (i *Installation) beginDeep(ctx context.Context, db *sql.DB, run *check.Run) (*deepRun, error) {
	id, err := registry.Identity(ctx, db)
	if err != nil {
		if run.Resume {
			return nil, err
		}
		id = "" // what is wrong with the database is found in its turn
	}
	d := &deepRun{Installation: id, Region: run.Region, Began: time.Now().UTC().Round(time.Second), folder: i.Data, noted: time.Now(), failed: !exists(i.Data)}
	if run.Resume {
		if err := d.read(); err != nil {
			return nil, fmt.Errorf("--resume: %w", err)
		}
		run.From = d.Position
	}
	run.Reached = func(p check.Position) {
		if d.Position = p; time.Since(d.noted) > deepEvery {
			d.note()
		}
	}
	return d, nil
}

// read finds where the interrupted run was, which must have been one of the same things.
func (d *deepRun) read() error {
	text, err := blob.ReadNote(d.folder, deepName)
	if errors.Is(err, blob.ErrMissing) {
		return errors.New("no run was interrupted, or it was noted in another data folder")
	}
	if err != nil {
		return err
	}
	was := deepRun{}
	if err := json.Unmarshal(text, &was); err != nil {
		return fmt.Errorf("%s cannot be read: %w", deepName, err)
	}
	if was.Installation != d.Installation || was.Region != d.Region {
		return fmt.Errorf("the run that was interrupted, of %s, was of another installation or region", was.Began.Format(time.RFC3339))
	}
	d.Began, d.Position = was.Began, was.Position
	return nil
}

// note writes down how far the run is. That it cannot be is said once.
func (d *deepRun) note() {
	d.noted = time.Now()
	if d.failed {
		return
	}
	text, err := json.Marshal(d)
	if err == nil {
		err = blob.WriteNote(d.folder, deepName, text)
	}
	if err != nil {
		d.failed = true
		slog.Warn("how far fsck is cannot be noted: when it is interrupted, it has to begin anew", "error", err)
	}
}

// end notes how far a run was that err ended, and forgets one that has seen everything.
func (d *deepRun) end(err error) {
	switch {
	case err != nil:
		d.note()
	case !d.failed:
		if err := blob.WriteNote(d.folder, deepName, nil); err != nil {
			slog.Warn("fsck's note of how far it was is not removed", "error", err)
		}
	}
}
