package awswire

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
)

// maxViolations bounds how many violations one answer tells of; a list of a thousand bad values needs not be told whole.
const maxViolations = 10

// maxEcho is how much of a bad value an answer repeats.
const maxEcho = 256

// violation is one constraint that one value breaks.
type violation struct {
	path       string // "tags.1.member.key"
	value      string // "'v'", "null", or empty when it must not be shown
	constraint string // "Member must have length greater than or equal to 2"
	regexp     bool
	null       bool
	remark     func(text string) string // nil: none
}

// trail is where in the input a decoder is, and what it found wrong there.
type trail struct {
	steps      []step
	exempt     map[string]bool                            // "imageIds.imageDigest": members that the operation judges itself
	remarks    map[string]func(text, value string) string // what more there is to say of a value of a shape that breaks its pattern
	violations []violation
}

// step is a member's name, a map's key, or (name empty) a one-based position in a list.
type step struct {
	name string
	n    int
	key  bool
}

func (t *trail) push(s step) { t.steps = append(t.steps, s) }
func (t *trail) pop()        { t.steps = t.steps[:len(t.steps)-1] }

// path names the place as AWS does: members in lower camel case, list members as "1.member".
func (t *trail) path() string {
	var b strings.Builder
	for i, s := range t.steps {
		if i > 0 {
			b.WriteByte('.')
		}
		switch {
		case s.key:
			b.WriteString(clip(s.name) + ".member")
		case s.name == "":
			b.WriteString(strconv.Itoa(s.n) + ".member")
		default:
			b.WriteString(strings.ToLower(s.name[:1]) + s.name[1:])
		}
	}
	return b.String()
}

// bare is the path of member names alone, as Unchecked names it.
func (t *trail) bare() string {
	var names []string
	for _, s := range t.steps {
		if s.name != "" && !s.key {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ".")
}

func (t *trail) report(s *shape, value string, v violation) {
	if len(t.violations) >= maxViolations || t.exempt[t.bare()] {
		return
	}
	v.path, v.value = t.path(), value
	if s.sensitive {
		v.value = ""
	}
	t.violations = append(t.violations, v)
}

func (t *trail) checkText(s *shape, value string) {
	if s.min == nil && s.max == nil && s.compiled == nil && s.enum == nil {
		return
	}
	quoted := func() string { return "'" + clip(value) + "'" }
	if s.min != nil || s.max != nil {
		t.checkLength(s, utf8.RuneCountInString(value), quoted)
	}
	if s.compiled != nil && !s.compiled().MatchString(value) {
		v := violation{constraint: s.pattern, regexp: true}
		if remark := t.remarks[s.name]; remark != nil {
			v.remark = func(text string) string { return remark(text, value) }
		}
		t.report(s, quoted(), v)
	}
	if s.enum != nil && !slices.Contains(s.enum, value) {
		t.report(s, quoted(), violation{constraint: "Member must satisfy enum value set: [" + strings.Join(s.enum, ", ") + "]"})
	}
}

func (t *trail) checkLength(s *shape, n int, value func() string) {
	if s.min != nil && float64(n) < *s.min {
		t.report(s, value(), violation{constraint: fmt.Sprintf("Member must have length greater than or equal to %.0f", *s.min)})
	}
	if s.max != nil && float64(n) > *s.max {
		t.report(s, value(), violation{constraint: fmt.Sprintf("Member must have length less than or equal to %.0f", *s.max)})
	}
}

func (t *trail) checkNumber(s *shape, f float64, value func() string) {
	if s.min != nil && f < *s.min {
		t.report(s, value(), violation{constraint: fmt.Sprintf("Member must have value greater than or equal to %.0f", *s.min)})
	}
	if s.max != nil && f > *s.max {
		t.report(s, value(), violation{constraint: fmt.Sprintf("Member must have value less than or equal to %.0f", *s.max)})
	}
}

func (t *trail) checkPresence(f *field, present bool) {
	if f.required && !present {
		t.push(step{name: f.name})
		t.report(f.shape, "null", violation{constraint: "Member must not be null", null: true})
		t.pop()
	}
}

// fault words what was found: as ECR does, one constraint, where the service models InvalidParameterException and speaks JSON (API-8, API-9); else as the shared front of AWS does (STS-4).
func (t *trail) fault(m *Model) error {
	if len(t.violations) == 0 {
		return nil
	}
	if m.Protocol == JSON && m.shapes["InvalidParameterException"] != nil {
		v := t.violations[0]
		switch {
		case v.null:
			v.constraint = "must not be null"
		case v.regexp:
			v.constraint = "must satisfy regular expression '" + v.constraint + "'"
		}
		return fault.New(fault.InvalidParameter, "Invalid parameter at '%s' failed to satisfy constraint: '%s'", v.path, v.constraint)
	}
	if m.shapes["InvalidInputExceptionReason"] != nil { // Organizations (ORG-16, ORG-20)
		return t.violations[0].invalidInput()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d validation error", len(t.violations))
	if len(t.violations) > 1 {
		b.WriteByte('s')
	}
	b.WriteString(" detected: ")
	for i, v := range t.violations {
		if i > 0 {
			b.WriteString("; ")
		}
		if v.regexp {
			v.constraint = "Member must satisfy regular expression pattern: " + v.constraint
		}
		b.WriteString("Value ")
		if v.value != "" {
			b.WriteString(v.value + " ")
		}
		if v.remark != nil {
			v.constraint = v.remark(v.constraint)
		}
		fmt.Fprintf(&b, "at '%s' failed to satisfy constraint: %s", v.path, v.constraint)
	}
	return fault.New(fault.Validation, "%s", b.String())
}

// invalidInput words a violation as Organizations does: a sentence that does not name the member, and a reason in a word.
func (v violation) invalidInput() error {
	text, reason := "You specified an invalid value.", "INVALID_ENUM"
	switch {
	case v.null:
		text, reason = "You didn't specify a value for the required parameter "+v.path+".", "INPUT_REQUIRED"
	case v.regexp:
		text, reason = "You provided a value that does not match the required pattern.", "INVALID_PATTERN"
	case strings.Contains(v.constraint, "length greater"):
		text, reason = "You provided a string parameter that is shorter than allowed.", "MIN_LENGTH_EXCEEDED"
	case strings.Contains(v.constraint, "length less"):
		text, reason = "You provided a string parameter that is longer than allowed.", "MAX_LENGTH_EXCEEDED"
	case strings.Contains(v.constraint, "value greater"):
		text, reason = "You provided a numeric parameter that has a smaller value than allowed.", "MIN_VALUE_EXCEEDED"
	case strings.Contains(v.constraint, "value less"):
		text, reason = "You provided a numeric parameter that has a larger value than allowed.", "MAX_VALUE_EXCEEDED"
	}
	return fault.New(fault.InvalidInput, "%s", text).With(fault.Reason{Reason: reason})
}

var escapes = regexp.MustCompile(`\\u(10[0-9A-Fa-f]{4}|10000|[0-9A-Fa-f]{4})`)

// translate makes a full-match RE2 expression of a model's Java pattern. RE2 has no lookahead: the two patterns of the models that use one are written out.
func translate(pattern string) string {
	switch pattern {
	case `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: // IAM account aliases; their length is checked apart
		pattern = `[a-z0-9]+(-[a-z0-9]+)*`
	case `^(?!\s*$).+`: // not blank
		pattern = `.*\S.*`
	}
	return `\A(?:` + escapes.ReplaceAllString(pattern, `\x{$1}`) + `)\z`
}

func clip(s string) string {
	if len(s) > maxEcho {
		return strings.ToValidUTF8(s[:maxEcho], "") + "…"
	}
	return s
}
