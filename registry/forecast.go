package registry

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// Forecast is what a lifecycle policy would do with a repository at some time, and why. Its JSON is what `berth lifecycle preview` prints.
type Forecast struct {
	At       time.Time       `json:"at"`
	Rules    []ForecastRule  `json:"rules"`
	Images   int             `json:"images"`             // that there are, children and referrers among them
	Expired  int             `json:"expired"`            // that rules choose, and nothing protects
	Archived int             `json:"archived,omitempty"` // likewise
	Kept     map[string]int  `json:"protected,omitempty"`
	Free     int64           `json:"bytesFree"` // by what expires, once it cannot be brought back any more
	Partly   bool            `json:"bytesFreeIsAtLeast,omitempty"`
	List     []ForecastImage `json:"-"`
}

// ForecastRule is what one rule would do.
type ForecastRule struct {
	Priority    int    `json:"priority"`
	Description string `json:"description,omitempty"`
	Action      string `json:"action"`
	Owns        int    `json:"owns"`      // images that the rule is the first to identify (LC-14)
	Chosen      int    `json:"chosen"`    // of them those that it would not keep
	Protected   int    `json:"protected"` // of these those that something else keeps
	Free        int64  `json:"bytesFree"` // a layer that images of several rules share is counted with one of them
}

// ForecastImage is one image: whether it goes or stays, and why.
type ForecastImage struct {
	Digest    oci.Digest `json:"imageDigest"`
	Tags      []string   `json:"imageTags,omitempty"`
	Size      int64      `json:"imageSizeInBytes"`
	PushedAt  time.Time  `json:"imagePushedAt"`
	Action    string     `json:"action"` // keep, expire or archive
	Rule      int        `json:"rule,omitempty"`
	Protected string     `json:"protectedBy,omitempty"`
	Reason    string     `json:"reason"`
}

// layersMost bounds the layers that a forecast remembers to say what comes free.
const layersMost = 500_000

// Forecast says what a policy would do at a time, zero is now, as the repository is now: what would be pushed and pulled until then is not known, and what is in use is taken to be in
// use then. An empty text is the repository's own policy. Images are listed newest first, limit of them, after the cursor that the page before ended with; all else is of the
// whole repository, and in the first page only. The faults are InvalidParameter and LifecyclePolicyNotFound.
func (r *Repo) Forecast(ctx context.Context, text string, at time.Time, after string, limit int) (*Forecast, string, error) {
	now := r.g.now()
	if at.IsZero() {
		at = now
	}
	if at.Before(now.Add(-24*time.Hour)) || at.After(now.AddDate(100, 0, 0)) {
		return nil, "", fault.New(fault.InvalidParameter, "A preview is of a time from now to a hundred years on")
	}
	if text == "" {
		l, err := r.Lifecycle(ctx)
		if err != nil {
			return nil, "", err
		}
		text = l.Text
	}
	p, err := parseLifecycle(text)
	if err != nil {
		return nil, "", err
	}
	w := &forecaster{Repo: r, f: &Forecast{At: at.UTC(), Kept: map[string]int{}}, limit: limit, rules: map[*lifecycle.Rule]int32{}, layers: map[[32]byte]layerUse{}}
	if after != "" {
		pushed, digest, ok := strings.Cut(after, " ")
		micros, err := strconv.ParseInt(pushed, 10, 64)
		if !ok || err != nil {
			return nil, "", fmt.Errorf("cursor %q", after)
		}
		w.after = &agedImage{digest: oci.Digest(digest), Image: lifecycle.Image{Pushed: sql.Time(micros)}}
	}
	for i := range p.Rules {
		rule := &p.Rules[i]
		w.rules[rule] = int32(i)
		w.f.Rules = append(w.f.Rules, ForecastRule{Priority: rule.Priority, Description: rule.Description, Action: actionName(rule.Action)})
	}
	if err := r.evaluate(ctx, p, at, func(some []ruled) error { return w.add(ctx, some) }); err != nil && !errors.Is(err, errEnough) {
		return nil, "", err
	}
	if w.after == nil {
		if err := w.free(ctx); err != nil {
			return nil, "", err
		}
	}
	return w.f, w.next, nil
}

func actionName(a lifecycle.Action) string {
	switch a {
	case lifecycle.Expire:
		return "expire"
	case lifecycle.Transition:
		return "archive"
	}
	return "keep"
}

// errEnough ends the evaluation for a later page, which lists images and counts nothing.
var errEnough = errors.New("the page is full")

// forecaster gathers a Forecast.
type forecaster struct {
	*Repo
	f      *Forecast
	after  *agedImage
	limit  int
	next   string
	rules  map[*lifecycle.Rule]int32
	layers map[[32]byte]layerUse
}

// layerUse is how many of the images that expire have a layer, and the rule by which one of them does.
type layerUse struct{ images, rule int32 }

func (w *forecaster) add(ctx context.Context, some []ruled) error {
	for i := range some {
		s := &some[i]
		if w.after == nil {
			w.count(s)
		}
		if w.after != nil && (s.Pushed.After(w.after.Pushed) || s.Pushed.Equal(w.after.Pushed) && s.digest >= w.after.digest) {
			continue
		}
		if len(w.f.List) < w.limit {
			w.f.List = append(w.f.List, shown(s))
			continue
		}
		if w.next == "" {
			last := &w.f.List[w.limit-1]
			w.next = strconv.FormatInt(sql.Micros(last.PushedAt), 10) + " " + string(last.Digest)
		}
		if w.after != nil {
			return errEnough
		}
	}
	if w.after != nil {
		return nil
	}
	return w.g.db.View(ctx, func(tx *sql.Tx) error {
		for i := range some {
			if s := &some[i]; s.goes() && s.Action == lifecycle.Expire && !w.f.Partly {
				if err := w.layersOf(tx, s); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (w *forecaster) count(s *ruled) {
	w.f.Images++
	if s.Rule == nil {
		return
	}
	rule := &w.f.Rules[w.rules[s.Rule]]
	rule.Owns++
	if s.Action == lifecycle.Keep {
		return
	}
	rule.Chosen++
	switch {
	case s.kept.By != "":
		rule.Protected++
		w.f.Kept[s.kept.By]++
	case s.Action == lifecycle.Expire:
		w.f.Expired++
	default:
		w.f.Archived++
	}
}

func shown(s *ruled) ForecastImage {
	i := ForecastImage{Digest: s.digest, Tags: s.Tags, Size: s.size, PushedAt: s.Pushed, Action: "keep", Protected: s.kept.By, Reason: s.kept.Why}
	if s.Rule != nil {
		i.Rule = s.Rule.Priority
		reason := s.Reason()
		if s.kept.By != "" {
			reason += ", but " + s.kept.Why
		}
		i.Reason = reason
	} else if s.kept.By == "" {
		i.Reason = s.Reason()
	}
	if s.goes() {
		i.Action = actionName(s.Action)
	}
	return i
}

// layersOf notes the layers of an image that expires, and of what goes with it.
func (w *forecaster) layersOf(tx *sql.Tx, s *ruled) error {
	all, err := w.goesWith(tx, s.digest)
	if err != nil {
		return err
	}
	for _, d := range all {
		err := tx.Rows(`SELECT child FROM manifest_ref WHERE repository_id = $1 AND parent = $2 AND kind IN ('config', 'layer')`, sql.Args(w.ID, d), func(row sql.Scanner) error {
			var layer oci.Digest
			if err := row.Scan(&layer); err != nil {
				return err
			}
			var key [32]byte
			if _, err := hex.Decode(key[:], []byte(layer.Hex())); err != nil {
				return fmt.Errorf("layer %s: %w", layer, err)
			}
			u := w.layers[key]
			u.images, u.rule = u.images+1, w.rules[s.Rule]
			w.layers[key] = u
			return nil
		})
		if err != nil {
			return err
		}
	}
	w.f.Partly = len(w.layers) > layersMost
	return nil
}

// free adds up the layers that nothing needs when the images are gone, in this repository and in all others.
func (w *forecaster) free(ctx context.Context) error {
	return w.g.db.View(ctx, func(tx *sql.Tx) error {
		for key, u := range w.layers {
			var size, images int64
			var elsewhere bool
			layer := "sha256:" + hex.EncodeToString(key[:])
			err := tx.Row(`SELECT l.size, (SELECT count(*) FROM manifest_ref f WHERE f.repository_id = $1 AND f.child = $2 AND f.kind IN ('config', 'layer')),
				EXISTS (SELECT 1 FROM layer o WHERE o.blob_id = l.blob_id AND o.repository_id <> $1) FROM layer l WHERE l.repository_id = $1 AND l.digest = $2`,
				sql.Args(w.ID, layer), &size, &images, &elsewhere)
			if errors.Is(err, sql.ErrNoRows) { // a foreign layer
				continue
			}
			if err != nil {
				return err
			}
			if !elsewhere && images == int64(u.images) {
				w.f.Free += size
				w.f.Rules[u.rule].Free += size
			}
		}
		return nil
	})
}
