package registry

import "fmt"

// Limits are the quotas that a registry keeps (API-79, H29). A zero field is ECR's own, and one out of its bounds is the nearest within them (Set).
type Limits struct {
	// Uploads is how many uploads one principal may have open.
	Uploads int64
	// Repositories is how many repositories an account may have in a region.
	Repositories int64
	// Images is how many images a repository may hold.
	Images int64
	// ImageTags is how many tags an image may have.
	ImageTags int64
	// Rules is how many rules a lifecycle policy may have.
	Rules int64
	// Templates is how many creation templates an account may have in a region.
	Templates int64
	// Exclusions is how many principals an account may exclude from pull times in a region (API-77).
	Exclusions int64
	// LayerBytes is how large a layer may be.
	LayerBytes int64
	// LayerParts is of how many parts UploadLayerPart may make a layer.
	LayerParts int64
	// PartBytes is how large one of these may be (API-61).
	PartBytes int64
}

// Quota is one of the limits, as an operator names it.
type Quota struct {
	Name string
	// Usual is ECR's own.
	Usual int64

	least, most int64  // a most of 0 is no bound
	whose, unit string // as in "a layer has at most 5 bytes"
	field       func(*Limits) *int64
}

// partLeast is how many bytes every part of a layer but the last has at the least (API-61).
const partLeast = 5 << 20

// Quotas are all of them.
func Quotas() []Quota {
	return []Quota{
		{"repositories", 100_000, 1, 0, "a registry", "repositories", func(l *Limits) *int64 { return &l.Repositories }},
		{"images", 100_000, 1, 0, "a repository", "images", func(l *Limits) *int64 { return &l.Images }},
		{"tags", 1000, 1, 0, "an image", "tags", func(l *Limits) *int64 { return &l.ImageTags }},
		{"rules", 50, 1, 50, "a lifecycle policy", "rules", func(l *Limits) *int64 { return &l.Rules }},
		{"templates", 50, 1, 0, "a registry", "creation templates", func(l *Limits) *int64 { return &l.Templates }},
		{"exclusions", 100, 1, 0, "a registry", "principals excluded from pull times", func(l *Limits) *int64 { return &l.Exclusions }},
		{"uploads", 10_000, 1, 0, "a principal", "uploads open", func(l *Limits) *int64 { return &l.Uploads }},
		{"layer-bytes", 52_000 << 20, 1, 52_000 << 20, "a layer", "bytes", func(l *Limits) *int64 { return &l.LayerBytes }},
		{"layer-parts", 4200, 1, 0, "a layer", "parts", func(l *Limits) *int64 { return &l.LayerParts }},
		{"part-bytes", 20 << 20, partLeast, 20 << 20, "a part of a layer", "bytes", func(l *Limits) *int64 { return &l.PartBytes }},
	}
}

// Set is the quota's value in l from now on. The error says what it can be.
func (q *Quota) Set(l *Limits, n int64) error {
	switch {
	case q.most > 0 && q.least > 1 && (n < q.least || n > q.most):
		return fmt.Errorf("%s has from %d to %d %s", q.whose, q.least, q.most, q.unit)
	case q.most > 0 && n > q.most:
		return fmt.Errorf("%s has at most %d %s", q.whose, q.most, q.unit)
	case n < q.least:
		return fmt.Errorf("%s has at least %d %s", q.whose, q.least, q.unit)
	}
	*q.field(l) = n
	return nil
}

func (l Limits) orDefault() Limits {
	for _, q := range Quotas() {
		n := q.field(&l)
		if *n == 0 {
			*n = q.Usual
		}
		if *n = max(*n, q.least); q.most > 0 {
			*n = min(*n, q.most)
		}
	}
	return l
}
