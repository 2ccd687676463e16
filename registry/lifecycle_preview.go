package registry

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// previewKept is for how long the results of a preview can be read (LC-26).
const previewKept = 24 * time.Hour

// PreviewStatus says how far a preview is (LC-26).
type PreviewStatus string

// The statuses of a preview.
const (
	PreviewRunning  PreviewStatus = "IN_PROGRESS"
	PreviewComplete PreviewStatus = "COMPLETE"
	PreviewExpired  PreviewStatus = "EXPIRED"
	PreviewFailed   PreviewStatus = "FAILED"
)

// LifecyclePreview is what a policy would do, as it was found out for the repository at one time.
type LifecyclePreview struct {
	Text                    string
	Status                  PreviewStatus
	Expiring, Transitioning int // images, of the whole preview
	Results                 []PreviewedImage
}

// PreviewedImage is an image that the policy would expire or archive. What goes with it, children and referrers, is not listed.
type PreviewedImage struct {
	Digest   oci.Digest
	Tags     []string
	PushedAt time.Time
	Class    lifecycle.Class // in which it is now
	Action   lifecycle.Action
	Rule     int // priority
}

// StartLifecyclePreview begins to find out what a policy would do; an empty text is the repository's own policy. It answers the text. Nothing in the repository is
// changed. The faults are InvalidParameter (LC-10), LifecyclePolicyNotFound and PreviewInProgress (LC-25).
func (r *Repo) StartLifecyclePreview(ctx context.Context, text string) (string, error) {
	if text != "" {
		if err := r.g.allowsLifecycle(text); err != nil {
			return "", err
		}
	}
	of := text
	err := r.write(ctx, func(tx *sql.Tx) error {
		of = text
		if of == "" {
			l, err := r.lifecycle(tx)
			if err != nil {
				return err
			}
			of = l.Text
		}
		if _, err := tx.Exec(`DELETE FROM lifecycle_preview_result WHERE repository_id IN (SELECT repository_id FROM lifecycle_preview WHERE repository_id = $1 AND status <> 'IN_PROGRESS')`, r.ID); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO lifecycle_preview (repository_id, text, status, due_at, turn, ended_at, expiring, transitioning) VALUES ($1, $2, 'IN_PROGRESS', $3, 1, 0, 0, 0)
			ON CONFLICT (repository_id) DO UPDATE SET text = excluded.text, status = excluded.status, due_at = excluded.due_at, turn = lifecycle_preview.turn + 1, ended_at = 0, expiring = 0, transitioning = 0
			WHERE lifecycle_preview.status <> 'IN_PROGRESS'`, r.ID, of, sql.Micros(r.g.now()))
		if err == nil && n == 0 {
			err = fault.New(fault.PreviewInProgress, "The previous lifecycle policy preview request has not completed. Please try again later.")
		}
		return err
	})
	return of, err
}

// PreviewFilter chooses results; zero fields choose all.
type PreviewFilter struct {
	Tagged *bool
	// Images chooses by digest, or tag, or both.
	Images []Reference
}

func (f *PreviewFilter) admits(i *PreviewedImage) bool {
	if f.Tagged != nil && *f.Tagged != (len(i.Tags) > 0) {
		return false
	}
	return f.Images == nil || slices.ContainsFunc(f.Images, func(id Reference) bool {
		return (id.Digest == "" || id.Digest == i.Digest) && (id.Tag == "" || slices.Contains(i.Tags, id.Tag))
	})
}

// LifecyclePreview reads the last preview, its results the oldest image first, limit at a time, after the cursor that the page before ended with. next is empty at the
// end. The fault is PreviewNotFound (LC-26).
func (r *Repo) LifecyclePreview(ctx context.Context, f PreviewFilter, after string, limit int) (p LifecyclePreview, next string, err error) {
	below := int64(math.MaxInt64)
	if after != "" {
		if below, err = strconv.ParseInt(after, 10, 64); err != nil {
			return p, "", err
		}
	}
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		var ended int64
		err := tx.Row(`SELECT text, status, ended_at, expiring, transitioning FROM lifecycle_preview WHERE repository_id = $1`, sql.Args(r.ID), &p.Text, &p.Status, &ended, &p.Expiring, &p.Transitioning)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.PreviewNotFound, "Lifecycle policy preview does not exist for the repository with name '%s' in the registry with id '%s'", r.Name, r.Account)
		}
		if err != nil || p.Status != PreviewComplete {
			return err
		}
		if r.g.now().Sub(sql.Time(ended)) > previewKept {
			p.Status = PreviewExpired
			return nil
		}
		p.Results, next, err = r.previewed(tx, f, below, limit)
		return err
	})
	return p, next, err
}

// previewed reads results below a place that f admits. Those that it does not are few at a time in memory; where all images are named by their digests, no others are read.
func (r *Repo) previewed(tx *sql.Tx, f PreviewFilter, below int64, limit int) (list []PreviewedImage, next string, err error) {
	named, digests := "", []any(nil)
	if len(f.Images) > 0 && !slices.ContainsFunc(f.Images, func(id Reference) bool { return id.Digest == "" }) {
		for i, id := range f.Images {
			named, digests = named+", $"+strconv.Itoa(i+4), append(digests, id.Digest)
		}
		named = " AND digest IN (" + named[2:] + ")"
	}
	for {
		read, last := 0, below
		err := tx.Rows(`SELECT place, digest, tags, pushed_at, class, action, rule FROM lifecycle_preview_result WHERE repository_id = $1 AND place < $2`+named+` ORDER BY place DESC LIMIT $3`,
			append(sql.Args(r.ID, below, limit+1), digests...), func(row sql.Scanner) error {
				read++
				var i PreviewedImage
				var place, pushed int64
				var tags []byte
				if err := row.Scan(&place, &i.Digest, &tags, &pushed, &i.Class, &i.Action, &i.Rule); err != nil {
					return err
				}
				i.PushedAt = sql.Time(pushed)
				if err := json.Unmarshal(tags, &i.Tags); err != nil {
					return err
				}
				switch {
				case next != "" || !f.admits(&i):
				case len(list) == limit:
					next = strconv.FormatInt(last, 10)
				default:
					list = append(list, i)
				}
				last = place
				return nil
			})
		if err != nil || next != "" || read <= limit {
			return list, next, err
		}
		below = last
	}
}

// RunLifecyclePreview does what a preview that was started is waiting for, and reports whether there was one.
func (g *Registry) RunLifecyclePreview(ctx context.Context) (ran bool, err error) {
	id, turn, text, err := g.takeTurn(ctx, `SELECT p.repository_id FROM lifecycle_preview p JOIN repository r ON r.id = p.repository_id
		WHERE p.status = 'IN_PROGRESS' AND p.due_at <= $1 AND r.account <> '' ORDER BY p.due_at LIMIT 1`, "lifecycle_preview")
	if id == 0 || err != nil {
		return false, err
	}
	r, err := g.openAs(ctx, id, "ecr:StartLifecyclePolicyPreview")
	if r == nil || err != nil {
		return false, err
	}
	w := &previewWriter{r: r, turn: turn}
	status := PreviewComplete
	p, err := lifecycle.Parse([]byte(text))
	if err != nil {
		status = PreviewFailed
	} else if err := r.evaluate(ctx, p, r.call.Time, func(some []ruled) error { return w.add(ctx, some) }); errors.Is(err, errTurnOver) {
		return true, nil
	} else if err != nil {
		return true, err
	}
	return true, g.db.Write(ctx, func(tx *sql.Tx) error {
		if err := w.write(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE lifecycle_preview SET status = $1, ended_at = $2, expiring = $3, transitioning = $4 WHERE repository_id = $5 AND turn = $6`,
			status, sql.Micros(g.now()), w.expiring, w.transitioning, id, turn)
		return err
	})
}

// previewWriter writes the results of a preview, many at a time.
type previewWriter struct {
	r                       *Repo
	turn, place             int64
	seen                    int
	begun                   bool
	pending                 []PreviewedImage
	expiring, transitioning int
}

func (w *previewWriter) add(ctx context.Context, some []ruled) error {
	for i := range some {
		s := &some[i]
		if !s.goes() {
			continue
		}
		if s.Action == lifecycle.Expire {
			w.expiring++
		} else {
			w.transitioning++
		}
		w.pending = append(w.pending, PreviewedImage{s.digest, s.Tags, s.Pushed, s.Class, s.Action, s.Rule.Priority})
	}
	if w.seen += len(some); len(w.pending) < evaluateAtOnce && w.seen < renewEvery {
		return nil
	}
	w.seen = 0
	return w.r.g.db.Write(ctx, w.write)
}

// write keeps what is pending, and holds the turn. What an earlier attempt left is removed first.
func (w *previewWriter) write(tx *sql.Tx) error {
	n, err := tx.Exec(`UPDATE lifecycle_preview SET due_at = $1 WHERE repository_id = $2 AND turn = $3`, sql.Micros(w.r.g.now().Add(lifecycleLease)), w.r.ID, w.turn)
	if err == nil && n == 0 {
		err = errTurnOver
	}
	if err != nil {
		return err
	}
	if !w.begun {
		if _, err := tx.Exec(`DELETE FROM lifecycle_preview_result WHERE repository_id = $1`, w.r.ID); err != nil {
			return err
		}
	}
	place := w.place
	for _, i := range w.pending {
		place++
		if _, err := tx.Exec(`INSERT INTO lifecycle_preview_result (repository_id, place, digest, tags, pushed_at, class, action, rule) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			w.r.ID, place, i.Digest, toJSON(i.Tags), sql.Micros(i.PushedAt), string(i.Class), string(i.Action), i.Rule); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { w.begun, w.place, w.pending = true, place, w.pending[:0] })
	return nil
}

// expirePreviewsAtOnce is how many results of previews one transaction removes: few enough not to hold up pushes.
const expirePreviewsAtOnce = 500

// ExpirePreviews removes the results of previews that have ended a day ago or longer.
func (g *Registry) ExpirePreviews(ctx context.Context) error {
	for removed := int64(1); removed > 0; {
		err := g.db.Write(ctx, func(tx *sql.Tx) (err error) {
			removed, err = tx.Exec(`DELETE FROM lifecycle_preview_result WHERE (repository_id, place) IN (SELECT s.repository_id, s.place FROM lifecycle_preview p
				JOIN lifecycle_preview_result s ON s.repository_id = p.repository_id WHERE p.status <> 'IN_PROGRESS' AND p.ended_at < $1 LIMIT $2)`,
				sql.Micros(g.now().Add(-previewKept)), expirePreviewsAtOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
