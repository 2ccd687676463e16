package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	Images   int             `json:"images"`             // of which rules are asked: without children and referrers
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
	Owns        int    `json:"owns"`      // images that the rule is the first to identify (LC-14); one that goes on from the archive counts with both rules
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

// Forecast says what will have become of the images by a time, zero is now, if a policy is carried out from now on: what would be pushed and pulled until then is not
// known, what is in use is taken to be in use then, and counts are of the images that are there now. So an image that is archived may expire from the archive before that
// time, and parts of an index that have names of their own after the index went. An empty text is the repository's own policy. Images are listed newest first, limit of
// them, after the cursor that the page before ended with; all else is of the whole repository, and in the first page only. The faults are InvalidParameter and
// LifecyclePolicyNotFound.
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
	page := forecastPage{Policy: text, From: sql.Micros(now), At: sql.Micros(at)}
	if after != "" {
		if page, err = page.from(after); err != nil {
			return nil, "", err
		}
		now, at = sql.Time(page.From), sql.Time(page.At)
	}
	e := &evaluation{Repo: r, run: p.Begin(at), from: now, at: at, after: newest(), slice: evaluateAtOnce}
	if at.After(now) {
		e.ahead = &ahead{gone: map[oci.Digest]time.Time{}}
	}
	w := &forecaster{evaluation: e, f: &Forecast{At: at.UTC(), Kept: map[string]int{}}, page: page, later: after != "", limit: limit, rules: map[*lifecycle.Rule]int32{}, layers: map[[32]byte]layerUse{}}
	for i := range p.Rules {
		rule := &p.Rules[i]
		w.rules[rule] = int32(i)
		w.f.Rules = append(w.f.Rules, ForecastRule{Priority: rule.Priority, Description: rule.Description, Action: actionName(rule.Action)})
	}
	if w.begin = e.after; w.later {
		w.begin = &agedImage{digest: page.Digest, Image: lifecycle.Image{Pushed: sql.Time(page.Pushed)}}
		if page.Counts != nil {
			e.run, e.after = p.Resume(at, page.Counts), w.begin
			if e.ahead != nil {
				e.ahead.resume(page.Gone)
			}
		}
	}
	w.align()
	if err := e.all(ctx, func(some []ruled) error { return w.add(ctx, some) }); err != nil && !errors.Is(err, errEnough) {
		return nil, "", err
	}
	if !w.later {
		if err := w.free(ctx); err != nil {
			return nil, "", err
		}
	}
	next, err := w.next(ctx)
	return w.f, next, err
}

// forecastPage is where a page of a forecast ends.
type forecastPage struct {
	Policy   string // its hash, in a cursor: with another one the counts mean nothing
	From, At int64
	Pushed   int64
	Digest   oci.Digest
	// Counts are the evaluation's; without them it has to be done again from the newest image on.
	Counts []int `json:",omitempty"`
	// Gone is what goes on from ahead, beside the counts.
	Gone []byte `json:",omitempty"`
}

func hashOf(policy string) string {
	sum := sha256.Sum256([]byte(policy))
	return hex.EncodeToString(sum[:8])
}

// from reads a cursor of the same forecast. The fault is InvalidParameter if the policy is another one meanwhile.
func (p forecastPage) from(cursor string) (read forecastPage, err error) {
	if err := json.Unmarshal([]byte(cursor), &read); err != nil {
		return read, fmt.Errorf("cursor %q: %w", cursor, err)
	}
	if read.Policy != hashOf(p.Policy) {
		return read, fault.New(fault.InvalidParameter, "The lifecycle policy was changed after the first page; begin again")
	}
	read.Policy = p.Policy
	return read, nil
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
	*evaluation
	f     *Forecast
	page  forecastPage
	later bool       // not the first page
	begin *agedImage // of the page: the image before it
	limit int
	last  *agedImage // of the page, once it is full
	rules map[*lifecycle.Rule]int32
	// layers are those of the images that expire.
	layers map[[32]byte]layerUse
}

// layerUse is how many of the images that expire have a layer, and the rule by which one of them does.
type layerUse struct{ images, rule int32 }

// align makes the next slice end with the page, if it would go beyond: so the counts at the end of the page are known.
func (w *forecaster) align() {
	w.slice = evaluateAtOnce
	if left := w.limit - len(w.f.List); 0 < left && left < evaluateAtOnce && (w.after == w.begin || len(w.f.List) > 0) {
		w.slice = left
	}
}

func (w *forecaster) add(ctx context.Context, some []ruled) error {
	for i := range some {
		s := &some[i]
		if !w.later {
			w.count(s)
		}
		if w.last != nil || s.Pushed.After(w.begin.Pushed) || s.Pushed.Equal(w.begin.Pushed) && s.digest >= w.begin.digest && w.later {
			continue
		}
		if w.f.List = append(w.f.List, shown(s)); len(w.f.List) < w.limit {
			continue
		}
		w.last, w.page.Counts, w.page.Gone = &s.agedImage, nil, nil
		if i == len(some)-1 {
			if err := w.goOn(ctx); err != nil {
				return err
			}
		}
		if w.later {
			return errEnough
		}
	}
	w.align()
	if w.later {
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

// goOn notes for the next page what is known at the end of this one, with which the evaluation ends too.
func (w *forecaster) goOn(ctx context.Context) error {
	known := true
	if w.ahead != nil {
		var err error
		if w.page.Gone, known, err = w.ahead.carry(ctx, w.evaluation, w.last); err != nil {
			return err
		}
	}
	if known {
		w.page.Counts = w.run.Counts()
	} else {
		w.page.Gone = nil
	}
	return nil
}

// next is the cursor of the page after this one; empty if there is none.
func (w *forecaster) next(ctx context.Context) (string, error) {
	if w.last == nil {
		return "", nil
	}
	var more []agedImage
	err := w.g.db.View(ctx, func(tx *sql.Tx) (err error) {
		more, err = w.aged(tx, w.last, 1, w.from)
		return err
	})
	if len(more) == 0 || err != nil {
		return "", err
	}
	w.page.Policy, w.page.Pushed, w.page.Digest = hashOf(w.page.Policy), sql.Micros(w.last.Pushed), w.last.digest
	text, err := json.Marshal(&w.page)
	return string(text), err
}

func (w *forecaster) count(s *ruled) {
	if s.Rule != nil || s.kept.By == "" {
		w.f.Images++
	}
	if s.Rule == nil {
		return
	}
	if s.by != nil { // in the meantime
		by := &w.f.Rules[w.rules[s.by]]
		by.Owns++
		by.Chosen++
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
		if s.by != nil {
			reason = fmt.Sprintf("rule %d archives it on %s; %s", s.by.Priority, s.archived.UTC().Format(time.DateOnly), reason)
		}
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
	all, err := w.mayGoWith(tx, &s.agedImage)
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
