package lifecycle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Invalid says why a text is no lifecycle policy.
type Invalid struct {
	// Detail is AWS's own text (LC-10).
	Detail string
	// Line and Column say where, from 1; Column counts code points. Path is the place in the document: rules[0].selection.countType.
	Line, Column int
	Path         string
}

// Error is AWS's text and the place.
func (e *Invalid) Error() string {
	return fmt.Sprintf("Lifecycle policy validation failure: %s (line %d, column %d: %s)", e.Detail, e.Line, e.Column, cmp.Or(e.Path, "the policy"))
}

// Limits of LC-1 and LC-7.
const (
	mostRules     = 50
	mostText      = 30_720 // characters
	mostAsterisks = 4
)

const unmapped = "Could not map policyString into LifecyclePolicy."

// reader reads one policy; the first thing that is wrong ends it.
type reader struct {
	text []byte
	err  *Invalid
}

func (r *reader) fail(at int, path, detail string, args ...any) {
	if r.err == nil {
		line, column := place(r.text, at)
		r.err = &Invalid{Detail: fmt.Sprintf(detail, args...), Line: line, Column: column, Path: path}
	}
}

// Parse reads a policy. The error is an *Invalid (LC-1 to LC-10).
func Parse(text []byte) (*Policy, error) {
	r := &reader{text: text}
	if len(text) > 4*mostText || len([]rune(string(text))) > mostText {
		r.fail(0, "", "the policy is longer than %d characters", mostText)
		return nil, r.err
	}
	document, at, err := read(text)
	if err != nil {
		r.fail(at, "", "%s", unmapped)
		return nil, r.err
	}
	p := r.policy(document)
	if r.err != nil {
		return nil, r.err
	}
	return p, nil
}

func (r *reader) policy(document *value) *Policy {
	if document.kind != "object" {
		r.fail(document.at, "", "%s", unmapped)
		return nil
	}
	if !r.object(document, "", []string{"rules"}, nil) {
		return nil
	}
	rules := document.get("rules")
	if !r.kind(rules, "rules", "array") || !r.length(rules, "rules", 1, mostRules) {
		return nil
	}
	p := &Policy{Rules: make([]Rule, len(rules.items))}
	for i := range rules.items {
		p.Rules[i] = r.rule(&rules.items[i], fmt.Sprintf("rules[%d]", i))
		if r.err != nil {
			return nil
		}
	}
	r.together(p, rules)
	slices.SortStableFunc(p.Rules, func(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return p
}

// object checks which members an object has.
func (r *reader) object(v *value, path string, required, optional []string) bool {
	var missing, unknown []string
	at := v.at
	for _, name := range required {
		if v.get(name) == nil {
			missing = append(missing, name)
		}
	}
	for _, m := range v.members {
		if !slices.Contains(required, m.name) && !slices.Contains(optional, m.name) {
			if unknown == nil {
				at = m.at
			}
			unknown = append(unknown, m.name)
		}
	}
	switch {
	case unknown != nil:
		r.fail(at, path, "object instance has properties which are not allowed by the schema: (%s)", list(unknown))
	case missing != nil:
		r.fail(v.at, path, "object has missing required properties (%s)", list(missing))
	}
	return r.err == nil
}

// list is a sorted JSON array of names.
func list(names []string) string {
	slices.Sort(names)
	b, err := json.Marshal(names)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

func (r *reader) kind(v *value, path, want string) bool {
	if v.kind != want {
		r.fail(v.at, path, "instance type (%s) does not match any allowed primitive type (allowed: [%q])", v.kind, want)
	}
	return r.err == nil
}

func (r *reader) length(v *value, path string, least, most int) bool {
	switch n := len(v.items); {
	case n < least:
		r.fail(v.at, path, "array is too short: must have at least %d elements but instance has %d elements", least, n)
	case n > most:
		r.fail(v.at, path, "array is too long: must have at most %d elements but instance has %d elements", most, n)
	}
	return r.err == nil
}

// enum reads a string that is one of a few.
func (r *reader) enum(v *value, path string, of ...string) string {
	if !r.kind(v, path, "string") {
		return ""
	}
	if !slices.Contains(of, v.text) {
		r.fail(v.at, path, "instance value (%q) not found in enum (possible values: %s)", v.text, list(of))
	}
	return v.text
}

// set is the same for lists that have the same entries.
func set(entries []string) string {
	return list(slices.Compact(slices.Sorted(slices.Values(entries))))
}

// number reads an integer of at least 1.
func (r *reader) number(v *value, path string) int {
	if !r.kind(v, path, "integer") {
		return 0
	}
	n, err := strconv.Atoi(v.text)
	switch {
	case err != nil || n > 1<<31-1:
		r.fail(v.at, path, "%s", unmapped)
	case n < 1:
		r.fail(v.at, path, "numeric instance is lower than the required minimum (minimum: 1, found: %d)", n)
	}
	return n
}

func (r *reader) rule(v *value, path string) Rule {
	rule := Rule{Class: Standard}
	if !r.kind(v, path, "object") || !r.object(v, path, []string{"rulePriority", "selection", "action"}, []string{"description"}) {
		return rule
	}
	rule.Priority = r.number(v.get("rulePriority"), path+".rulePriority")
	if d := v.get("description"); d != nil && r.kind(d, path+".description", "string") {
		rule.Description = d.text
	}
	r.selection(&rule, v.get("selection"), path+".selection")
	r.action(&rule, v.get("action"), path+".action")
	if r.err == nil {
		r.combination(&rule, v, path)
	}
	return rule
}

func (r *reader) selection(rule *Rule, v *value, path string) {
	if r.err != nil || !r.kind(v, path, "object") ||
		!r.object(v, path, []string{"tagStatus", "countType", "countNumber"}, []string{"tagPrefixList", "tagPatternList", "storageClass", "countUnit"}) {
		return
	}
	rule.TagStatus = TagStatus(r.enum(v.get("tagStatus"), path+".tagStatus", string(Any), string(Tagged), string(Untagged)))
	if class := v.get("storageClass"); class != nil {
		rule.Class = Class(r.enum(class, path+".storageClass", string(Archive), string(Standard)))
	}
	rule.Number = r.number(v.get("countNumber"), path+".countNumber")
	r.count(rule, v, path)
	prefixes, patterns := v.get("tagPrefixList"), v.get("tagPatternList")
	rule.Prefixes = r.tags(prefixes, path+".tagPrefixList")
	rule.Patterns = r.tags(patterns, path+".tagPatternList")
	for i, pattern := range rule.Patterns {
		if pattern == "" || strings.Count(pattern, "*") > mostAsterisks {
			r.fail(patterns.items[i].at, fmt.Sprintf("%s.tagPatternList[%d]", path, i), "Invalid tag pattern provided")
		}
		rule.patterns = append(rule.patterns, strings.Split(pattern, "*"))
	}
	if r.err != nil {
		return
	}
	switch {
	case rule.TagStatus != Tagged && prefixes != nil:
		r.fail(prefixes.at, path+".tagPrefixList", "Cannot specify tagPrefixList with tagStatus %s", strings.ToUpper(string(rule.TagStatus)))
	case rule.TagStatus != Tagged && patterns != nil:
		r.fail(patterns.at, path+".tagPatternList", "Cannot specify tagPatternList with tagStatus %s", strings.ToUpper(string(rule.TagStatus)))
	case rule.TagStatus == Tagged && prefixes == nil && patterns == nil:
		r.fail(v.at, path, "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.")
	case prefixes != nil && patterns != nil:
		r.fail(patterns.at, path+".tagPatternList", "If policy has a tagged rule, it must specify only one of tagPrefixList or tagPatternList")
	}
}

// count reads what is counted: days have a unit, images have none (LC-5).
func (r *reader) count(rule *Rule, v *value, path string) {
	kind, unit := v.get("countType"), v.get("countUnit")
	if r.err != nil || !r.kind(kind, path+".countType", "string") {
		return
	}
	rule.Count = CountType(kind.text)
	switch rule.Count {
	case MoreThan:
		if unit == nil {
			return
		}
	case SincePushed, SincePulled, SinceTransitioned:
		if unit != nil && unit.kind == "string" && unit.text == "days" {
			return
		}
	}
	at := kind.at
	if unit != nil {
		at = unit.at
	}
	r.fail(at, path+".countType", "instance failed to match exactly one schema (matched 0 out of 2)")
}

// tags reads a list of prefixes or patterns.
func (r *reader) tags(v *value, path string) []string {
	if r.err != nil || v == nil || !r.kind(v, path, "array") || !r.length(v, path, 1, mostText) {
		return nil
	}
	var out []string
	for i := range v.items {
		if item := &v.items[i]; r.kind(item, fmt.Sprintf("%s[%d]", path, i), "string") {
			out = append(out, item.text)
		}
	}
	return out
}

func (r *reader) action(rule *Rule, v *value, path string) {
	if r.err != nil || !r.kind(v, path, "object") || !r.object(v, path, []string{"type"}, []string{"targetStorageClass"}) {
		return
	}
	rule.Action = Action(r.enum(v.get("type"), path+".type", string(Expire), string(Transition)))
	target := v.get("targetStorageClass")
	switch {
	case r.err != nil:
	case rule.Action == Transition && target == nil:
		r.fail(v.at, path, "%s", unmapped)
	case rule.Action == Transition:
		r.enum(target, path+".targetStorageClass", string(Archive))
	case target != nil:
		r.fail(target.at, path+".targetStorageClass", "%s", unmapped)
	}
}

// leastArchived is for how many days an archived image stays at least (LC-8).
const leastArchived = 90

// combination holds a rule to LC-8: which count goes with which class and action.
func (r *reader) combination(rule *Rule, v *value, path string) {
	selection := v.get("selection")
	at := selection.get("countType").at
	switch {
	case rule.Count == SinceTransitioned && rule.Class != Archive:
		r.fail(at, path+".selection", "SINCE_IMAGE_TRANSITIONED supports the ARCHIVE storage class only")
	case rule.Count != SinceTransitioned && rule.Class != Standard:
		r.fail(at, path+".selection", "SINCE_IMAGE_PUSHED, SINCE_IMAGE_PULLED and IMAGE_COUNT_MORE_THAN support the STANDARD storage class only")
	case rule.Count == SincePulled && rule.Action != Transition:
		r.fail(at, path+".action", "SINCE_IMAGE_PULLED supports the TRANSITION action only")
	case rule.Count == SinceTransitioned && rule.Action != Expire:
		r.fail(at, path+".action", "SINCE_IMAGE_TRANSITIONED supports the EXPIRE action only")
	case rule.Count == SinceTransitioned && rule.Number < leastArchived:
		r.fail(selection.get("countNumber").at, path+".selection.countNumber", "numeric instance is lower than the required minimum (minimum: %d, found: %d)", leastArchived, rule.Number)
	}
}

// together holds the rules as a whole to LC-2 and LC-9. They are still in the order of the document.
func (r *reader) together(p *Policy, rules *value) {
	priorities, selections := map[int]bool{}, map[string]bool{}
	untagged, anyOf, highest := map[Class]bool{}, map[Class]int{}, map[Class]int{}
	for i := range p.Rules {
		rule := &p.Rules[i]
		at, path := rules.items[i].at, fmt.Sprintf("rules[%d]", i)
		if priorities[rule.Priority] {
			r.fail(rules.items[i].get("rulePriority").at, path+".rulePriority", "Duplicate priority in multiple rules")
		}
		priorities[rule.Priority] = true
		highest[rule.Class] = max(highest[rule.Class], rule.Priority)
		switch rule.TagStatus {
		case Untagged:
			if untagged[rule.Class] {
				r.fail(at, path, "Only one rule can select Untagged images per storage class")
			}
			untagged[rule.Class] = true
		case Any:
			if anyOf[rule.Class] != 0 {
				r.fail(at, path, "Only one rule can specify tagStatus=ANY per storage class")
			}
			anyOf[rule.Class] = rule.Priority
		case Tagged:
			key := string(rule.Class) + set(rule.Prefixes) + set(rule.Patterns)
			if selections[key] {
				r.fail(at, path, "Tagged rules must have a unique set of tag prefixes or patterns per storage class")
			}
			selections[key] = true
		}
	}
	for i := range p.Rules {
		if rule := &p.Rules[i]; rule.TagStatus == Any && rule.Priority != highest[rule.Class] {
			r.fail(rules.items[i].at, fmt.Sprintf("rules[%d]", i), "Rule for tagStatus=ANY must have the lowest priority per storage class")
		}
	}
}
