package lifecycle

import (
	"math"
	"strings"
	"time"
)

// TagStatus says which images a rule is for, by whether they have tags (LC-3).
type TagStatus string

// The tag statuses.
const (
	Tagged   TagStatus = "tagged"
	Untagged TagStatus = "untagged"
	Any      TagStatus = "any"
)

// Class is a storage class: where the bytes of an image are (LC-3, LC-35).
type Class string

// The storage classes.
const (
	Standard Class = "standard"
	Archive  Class = "archive"
)

// CountType says what a rule counts (LC-3).
type CountType string

// The count types.
const (
	MoreThan          CountType = "imageCountMoreThan"
	SincePushed       CountType = "sinceImagePushed"
	SincePulled       CountType = "sinceImagePulled"
	SinceTransitioned CountType = "sinceImageTransitioned"
)

// Action is what is done with an image (LC-4).
type Action string

// The actions. Keep is no action of a policy: it is the answer for an image that stays as it is.
const (
	Keep       Action = ""
	Expire     Action = "expire"
	Transition Action = "transition" // to Archive
)

// Rule is one rule of a policy (LC-2).
type Rule struct {
	Priority    int
	Description string
	TagStatus   TagStatus
	// Prefixes or Patterns, of a rule for Tagged images: every entry must match one of an image's tags (LC-13).
	Prefixes, Patterns []string
	Class              Class
	Count              CountType
	Number             int // images, or days
	Action             Action

	patterns [][]string // Patterns, split at their asterisks
}

// Days is Number as a duration, of a rule that counts days; of more days than a duration can hold it is the longest one: whoever writes a large number wants to keep
// everything.
func (r *Rule) Days() time.Duration {
	const day = 24 * time.Hour
	if most := int64(math.MaxInt64 / day); int64(r.Number) > most {
		return math.MaxInt64
	}
	return time.Duration(r.Number) * day
}

// Policy is a lifecycle policy. It is immutable and safe for concurrent use.
type Policy struct {
	// Rules are in the order in which they own images: by ascending priority (LC-14).
	Rules []Rule
}

// Image is what rules ask about an image. Times that never were are zero.
type Image struct {
	Tags []string
	// Class is Standard or Archive; "" is Standard.
	Class Class
	// Pushed is when the image came, Pulled when it was last pulled, Activated when it was last restored from the archive, Archived when it went there.
	Pushed, Pulled, Activated, Archived time.Time
}

// identifies reports whether the rule is for this image (LC-12, LC-13). It does not depend on what other rules do.
func (r *Rule) identifies(im *Image) bool {
	class := im.Class
	if class == "" {
		class = Standard
	}
	if class != r.Class {
		return false
	}
	switch r.TagStatus {
	case Any:
		return true
	case Untagged:
		return len(im.Tags) == 0
	}
	if len(im.Tags) == 0 {
		return false
	}
	for _, prefix := range r.Prefixes {
		if !some(im.Tags, func(tag string) bool { return strings.HasPrefix(tag, prefix) }) {
			return false
		}
	}
	for _, pattern := range r.patterns {
		if !some(im.Tags, func(tag string) bool { return glob(pattern, tag) }) {
			return false
		}
	}
	return true
}

func some(tags []string, match func(string) bool) bool {
	for _, tag := range tags {
		if match(tag) {
			return true
		}
	}
	return false
}

// glob reports whether the whole tag matches a pattern that was split at its asterisks (LC-7). It takes time in proportion to the tag: a part between two
// asterisks is best placed as far to the left as it goes.
func glob(parts []string, tag string) bool {
	if len(parts) == 1 {
		return tag == parts[0]
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(tag) < len(first)+len(last) || !strings.HasPrefix(tag, first) || !strings.HasSuffix(tag, last) {
		return false
	}
	rest := tag[len(first) : len(tag)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			return false
		}
		rest = after
	}
	return true
}

// since is the moment from which the rule counts an image's age (LC-16 to LC-18); zero for a rule that counts images.
func (r *Rule) since(im *Image) time.Time {
	switch r.Count {
	case SincePushed:
		if !im.Activated.IsZero() {
			return im.Activated
		}
		return im.Pushed
	case SincePulled:
		switch {
		case im.Activated.After(im.Pulled):
			return im.Activated
		case !im.Pulled.IsZero():
			return im.Pulled
		}
		return im.Pushed
	case SinceTransitioned:
		return im.Archived
	}
	return time.Time{}
}
