package lifecycle

import (
	"fmt"
	"slices"
	"time"
)

// Verdict is what a policy does with one image, and why.
type Verdict struct {
	// Action is Expire, Transition, or Keep.
	Action Action
	// Rule owns the image: it is the first that identifies it, and the only one that may act on it (LC-14). It is nil if no rule is for the image.
	Rule *Rule
	// Position is, if Rule counts images, the image's place among those that the rule identifies: 1 is the newest.
	Position int
	// Age is, if Rule counts days, how old the image is by the rule's measure.
	Age time.Duration
}

// Run is one evaluation of a policy over the images of a repository. It is used by one goroutine.
type Run struct {
	policy *Policy
	now    time.Time
	counts []int // images that each rule has identified so far
}

// Begin starts an evaluation as of now.
func (p *Policy) Begin(now time.Time) *Run {
	return &Run{policy: p, now: now, counts: make([]int, len(p.Rules))}
}

// Counts are the images that each rule has identified so far, by the place of the rule: with them Resume goes on where this evaluation is.
func (r *Run) Counts() []int { return slices.Clone(r.counts) }

// Resume is Begin for the images after those that another evaluation of the same policy was given, whose Counts these are. There must be one for each rule.
func (p *Policy) Resume(now time.Time, counts []int) *Run {
	r := p.Begin(now)
	copy(r.counts, counts)
	return r
}

// Next says what the policy does with the next image. The images must come newest first by the time of their push, those of one moment by digest (LC-15, LC-20):
// what a count keeps depends on it. Every image of the repository must come, or counts are too small.
func (r *Run) Next(im *Image) Verdict {
	var v Verdict
	for i := range r.policy.Rules {
		rule := &r.policy.Rules[i]
		if !rule.identifies(im) {
			continue
		}
		r.counts[i]++ // also of what an earlier rule owns: it takes a place (LC-15)
		if v.Rule != nil {
			continue
		}
		v.Rule = rule
		if rule.Count == MoreThan {
			if v.Position = r.counts[i]; v.Position > rule.Number {
				v.Action = rule.Action
			}
			continue
		}
		since := rule.since(im)
		if since.IsZero() {
			continue // an image that was archived before that was noted: it has no age
		}
		if v.Age = r.now.Sub(since); v.Age > rule.Days() {
			v.Action = rule.Action
		}
	}
	return v
}

// Reason says in words why the image goes or stays: "rule 1 keeps the newest 3, and this is number 2".
func (v Verdict) Reason() string {
	r := v.Rule
	switch {
	case r == nil:
		return "no rule is for this image"
	case r.Count == MoreThan && v.Action == Keep:
		return fmt.Sprintf("rule %d keeps the newest %d, and this is number %d", r.Priority, r.Number, v.Position)
	case r.Count == MoreThan:
		return fmt.Sprintf("rule %d keeps only the newest %d, and this is number %d", r.Priority, r.Number, v.Position)
	}
	what := map[CountType]string{SincePushed: "pushed", SincePulled: "pulled", SinceTransitioned: "archived"}[r.Count]
	if v.Action == Keep {
		return fmt.Sprintf("rule %d keeps what was %s at most %s ago, and this was %s ago", r.Priority, what, days(r.Number), age(v.Age))
	}
	return fmt.Sprintf("rule %d keeps only what was %s at most %s ago, and this was %s ago", r.Priority, what, days(r.Number), age(v.Age))
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// age words a duration in days and hours: what is just beyond a limit must not look as if it were at it.
func age(d time.Duration) string {
	d = max(d, 0)
	whole := int(d / (24 * time.Hour))
	hours := int(d/time.Hour) % 24
	switch {
	case whole == 0 && hours == 0:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case whole == 0:
		return fmt.Sprintf("%d h", hours)
	case hours == 0:
		return days(whole)
	}
	return fmt.Sprintf("%s %d h", days(whole), hours)
}
