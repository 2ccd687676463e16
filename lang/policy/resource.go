package policy

import "strings"

// resource is one compiled value of Resource or NotResource. Its six parts are matched apart, so that a wildcard does not run over a colon
// before the resource part (IAMP-2).
type resource struct {
	all   bool // a lone *: everything, also no resource
	text  string
	parts [6]pattern
	count int // parts that are written; fewer than six make a short ARN
	star  bool
	// endStar: the last part that is written ends with *.
	endStar bool
	// head is what stands before the last of six parts, with its colon, where that holds no wildcard: it is compared at once.
	head string
}

func compileResource(text string, variables bool) resource {
	r := resource{text: text, all: text == "*", star: strings.Contains(text, "*"), endStar: strings.HasSuffix(text, "*")}
	parts, count := splitARN(text)
	r.count = count
	plain := count == 6
	for i := range count {
		r.parts[i] = compile(parts[i], true, variables && i == 5) // variables only after the fifth colon
		plain = plain && (i == 5 || r.parts[i].exact)
	}
	if plain {
		r.head = text[:len(text)-len(parts[5])]
	}
	return r
}

// splitARN takes s apart at its first five colons and returns how many parts there are.
func splitARN(s string) (parts [6]string, count int) {
	for count < 5 {
		at := strings.IndexByte(s, ':')
		if at < 0 {
			break
		}
		parts[count] = s[:at]
		s = s[at+1:]
		count++
	}
	parts[count] = s
	return parts, count + 1
}

// target is the resource of a request, taken apart once for a whole decision.
type target struct {
	arn   bool // six parts
	parts [6]string
	head  string // what stands before the last part
}

func newTarget(text string) target {
	if text == "" || text == "*" {
		return target{}
	}
	parts, count := splitARN(text)
	return target{arn: count == 6, parts: parts, head: text[:len(text)-len(parts[count-1])]}
}

// fit says whether a value covers a resource; unresolved values cover nothing, in NotResource either (IAMP-2).
type fit uint8

const (
	misfit fit = iota
	fits
	unresolved
)

// partMismatch names the first part that differs, for Explain.
type partMismatch uint8

const (
	partNone partMismatch = iota
	partPrefix
	partPartition
	partService
	partRegion
	partAccount
	partResource
	partNoResource
	partShortARN
)

func (m partMismatch) String() string {
	return [...]string{"", "arn_prefix", "partition", "service", "region", "account", "resource_id", "no_resource", "short_arn"}[m]
}

// covers reports whether the value covers the resource of the request.
func (r *resource) covers(t *target, layer layerKind, context Context) (fit, partMismatch) {
	if r.all {
		return fits, partNone
	}
	if !t.arn {
		return misfit, partNoResource // an action without resource matches only * (IAMP-2)
	}
	if r.count < 6 && !r.expands(layer) {
		return misfit, partShortARN
	}
	different := 0 // parts to compare
	if r.head == "" || r.head != t.head {
		different = min(r.count, 5)
	}
	for i := range different {
		if !r.parts[i].matchString(t.parts[i]) {
			return misfit, partPrefix + partMismatch(i)
		}
	}
	if r.count < 6 {
		return fits, partNone
	}
	last := &r.parts[5]
	if !last.variables {
		if last.matchString(t.parts[5]) {
			return fits, partNone
		}
		return misfit, partResource
	}
	var buffer resolveBuffer
	tokens, ok := last.resolve(buffer[:0], context)
	switch {
	case !ok:
		return unresolved, partResource
	case matchTokens(tokens, t.parts[5], sameCase):
		return fits, partNone
	}
	return misfit, partResource
}

// expands reports whether the parts that a short ARN lacks stand for * in policies of this layer (IAMP-2).
func (r *resource) expands(layer layerKind) bool {
	switch layer {
	case identityLayer, boundaryLayer, sessionLayer:
		return r.text != ""
	case scpLayer:
		return r.endStar
	case rcpLayer:
		return false
	}
	return r.star
}
