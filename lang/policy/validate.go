package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says what a document is to be attached to; the rules differ (IAMP-6).
type Kind string

// The kinds of policies.
const (
	Identity   Kind = "identity"   // of a user, group or role; managed policies too
	Repository Kind = "repository" // of an ECR repository
	Registry   Kind = "registry"   // of an ECR registry, in the scope V2
	Trust      Kind = "trust"      // of a role: who may assume it
	SCP        Kind = "scp"        // service control policy
	RCP        Kind = "rcp"        // resource control policy
	Session    Kind = "session"    // passed to AssumeRole or GetFederationToken
	Boundary   Kind = "boundary"   // permissions boundary
	Endpoint   Kind = "endpoint"   // of a VPC endpoint

	// RegistryV1 is of an ECR registry in the scope V1, which takes only three actions (IAMP-4.4).
	RegistryV1 Kind = "registry-v1"

	// ResourceBased is the policy of a resource of some other service: only what holds for all of them is checked.
	ResourceBased Kind = "resource"
	// Any checks only what holds for every kind of policy.
	Any Kind = "any"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{Identity, Repository, Registry, RegistryV1, Trust, SCP, RCP, Session, Boundary, Endpoint, ResourceBased, Any}
}

// The levels of findings, as Access Analyzer has them.
const (
	LevelError           = "ERROR"
	LevelSecurityWarning = "SECURITY_WARNING"
	LevelWarning         = "WARNING"
	LevelSuggestion      = "SUGGESTION"
)

// Finding is something wrong, risky or needless in a document (IAMP-6.5). It encodes as JSON.
type Finding struct {
	// Code is the name of Access Analyzer's check in upper snake case, or one of ours.
	Code  string `json:"code"`
	Level string `json:"level"`
	// Path is the place in the document: Statement[0].Condition.StringEquals["aws:x"][1].
	Path string `json:"path"`
	// Offset counts bytes from 0; Line and Column from 1, columns in code points.
	Offset  int    `json:"offset"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	// Hint says what to write instead, where that can be guessed.
	Hint string `json:"hint,omitempty"`

	refuses bool // may not be stored
}

// After is AWS's text with, behind it, where that is and what is wrong there: "Syntax errors in policy. (line 3, column 5: …; …)".
func (f *Finding) After(text string) string {
	what := ""
	if f.Message != text {
		what = ": " + f.Message
	}
	if f.Hint != "" {
		what = strings.TrimSuffix(what, ".") + "; " + f.Hint
	}
	return fmt.Sprintf("%s (line %d, column %d%s)", text, f.Line, f.Column, what)
}

// Validate finds what is wrong with a document, in the order of the document. Not every ERROR keeps a document from being stored: AWS stores
// identity policies with unknown actions, for one. What does is Refuse's answer.
func Validate(document []byte, kind Kind) []Finding {
	v := &validator{kind: kind, known: newKnown()}
	if kind == RegistryV1 {
		v.kind, v.scopeV1 = Registry, true
	}
	v.document(document)
	slices.SortStableFunc(v.findings, func(a, b Finding) int { return a.Offset - b.Offset })
	places := locator{source: v.source}
	for i := range v.findings {
		f := &v.findings[i]
		f.Line, f.Column = places.at(f.Offset)
	}
	return v.findings
}

// maxFindings bounds what is said about a hostile document. Nobody reads on.
const maxFindings = 250

type validator struct {
	kind      Kind
	scopeV1   bool // of a Registry policy
	source    string
	known     *known
	variables bool // version 2012-10-17
	sids      map[string]bool
	said      map[string]bool // statements, without their Sids, in one spelling
	findings  []Finding
	refused   bool
}

// finding adds a finding; refuses says that it keeps the document from being stored. Line and column follow at the end.
func (v *validator) finding(refuses bool, level, code, path string, offset int, hint, format string, args ...any) {
	if len(v.findings) >= maxFindings && (v.refused || !refuses) {
		return
	}
	v.refused = v.refused || refuses
	v.findings = append(v.findings, Finding{
		Code: code, Level: level, Path: path, Offset: offset, Message: fmt.Sprintf(format, args...), Hint: hint, refuses: refuses,
	})
}

// add adds a finding that does not keep the document from being stored.
func (v *validator) add(level, code, path string, offset int, hint, format string, args ...any) {
	v.finding(false, level, code, path, offset, hint, format, args...)
}

// refuse adds an error that keeps the document from being stored.
func (v *validator) refuse(code, path string, offset int, hint, format string, args ...any) {
	v.finding(true, LevelError, code, path, offset, hint, format, args...)
}

// refuseIf adds an error that keeps the document from being stored as one of kinds.
func (v *validator) refuseIf(refuses bool, code, path string, offset int, hint, format string, args ...any) {
	v.finding(refuses, LevelError, code, path, offset, hint, format, args...)
}

// is reports whether the document is of one of kinds.
func (v *validator) is(kinds ...Kind) bool { return slices.Contains(kinds, v.kind) }

// strict kinds are those whose service we are, or whose grammar we know whole: what cannot work is refused when stored.
func (v *validator) strict() bool { return v.is(Repository, Registry, Trust, SCP, RCP) }

func (v *validator) document(document []byte) {
	root, source, err := readJSON(document)
	v.source = source
	if err != nil {
		syntax := err.(*SyntaxError)
		v.refuse("JSON_SYNTAX_ERROR", "", syntax.Offset, syntax.Hint, "Fix the JSON syntax error at index %d line %d column %d: %s.", syntax.Offset, syntax.Line, syntax.Column, syntax.Message)
		return
	}
	if root.kind != kindObject {
		v.refuse("DATA_TYPE_MISMATCH", "", root.start, "", "A policy must be an object, not %s.", root.kind)
		return
	}
	v.size()
	v.duplicates(&root, "")
	for i := range root.members {
		if m := &root.members[i]; m.key != "Version" && m.key != "Id" && m.key != "Statement" {
			v.refuse("INVALID_POLICY_ELEMENT", m.key, m.start, v.known.didYouMean(m.key, []string{"Version", "Id", "Statement"}), "The policy element %s is not valid.", m.key)
		}
	}
	v.version(&root)
	if id := root.get("Id"); id != nil {
		if id.kind != kindString {
			v.refuse("DATA_TYPE_MISMATCH", "Id", id.start, "", "Id must be a string, not %s.", id.kind)
		} else if v.is(Identity, Session, Boundary, SCP, RCP) {
			v.add(LevelWarning, "INVALID_POLICY_ELEMENT", "Id", id.start, "remove it", "The element Id has no use in a policy of this type.")
		}
	}
	statements := root.get("Statement")
	if statements == nil {
		v.refuse("MISSING_STATEMENT", "", root.start, "", "The policy has no Statement.")
		return
	}
	switch statements.kind {
	case kindObject:
		v.statement(statements, "Statement")
	case kindArray:
		if len(statements.items) == 0 {
			if v.is(Any, ResourceBased, Endpoint) {
				v.add(LevelSuggestion, "EMPTY_ARRAY_STATEMENT", "Statement", statements.start, "", "The policy has no statement and does nothing.")
			} else {
				v.refuse("MISSING_STATEMENT", "Statement", statements.start, "", "The policy has no statement.")
			}
		}
		for i := range statements.items {
			v.statement(&statements.items[i], "Statement["+strconv.Itoa(i)+"]")
		}
	default:
		v.refuse("DATA_TYPE_MISMATCH", "Statement", statements.start, "", "Statement must be an object or an array of objects, not %s.", statements.kind)
	}
}

// Sizes of IAMP-6.2.
const (
	maxManaged   = 6144
	maxRole      = 10240
	maxTrust     = 2048
	maxTrustEver = 4096
	maxSession   = 2048
	maxECR       = 10240
	maxControl   = 5120
)

func (v *validator) size() {
	all := utf8.RuneCountInString(v.source)
	dense := 0
	for _, char := range v.source {
		if !unicode.IsSpace(char) {
			dense++
		}
	}
	over := func(size, limit int, refuses bool, what string) {
		if size > limit {
			v.refuseIf(refuses, "POLICY_SIZE_EXCEEDED", "", 0, "", "The policy has %d characters; %s may have %d.", size, what, limit)
		}
	}
	switch v.kind {
	case Repository, Registry:
		over(all, maxECR, true, "an ECR policy")
	case SCP, RCP:
		over(all, maxControl, true, "a policy of an organization")
	case Trust:
		over(dense, maxTrustEver, false, "a trust policy, whitespace not counted,")
		if dense > maxTrust && dense <= maxTrustEver {
			v.add(LevelWarning, "POLICY_SIZE_EXCEEDED", "", 0, "", "The policy has %d characters, whitespace not counted; more than %d need a raised quota.", dense, maxTrust)
		}
	case Session:
		over(dense, maxSession, false, "a session policy, whitespace not counted,")
	case Boundary:
		over(dense, maxManaged, false, "a managed policy, whitespace not counted,")
	case Identity:
		over(dense, maxRole, false, "the inline policies of a role, whitespace not counted,")
		if dense > maxManaged && dense <= maxRole {
			v.add(LevelWarning, "POLICY_SIZE_EXCEEDED", "", 0, "", "The policy has %d characters, whitespace not counted: too many for a managed policy (%d).", dense, maxManaged)
		}
	}
}

// duplicates finds keys that stand twice in one object, also in different case: readers of JSON keep but one of them, without a word.
func (v *validator) duplicates(n *node, path string) {
	seen := make(map[string]string, len(n.members))
	for i := range n.members {
		m := &n.members[i]
		inside := join(path, m.key)
		lower := strings.ToLower(m.key)
		first, ok := seen[lower]
		switch {
		case !ok:
			seen[lower] = m.key
		case first == m.key:
			v.refuse("DUPLICATE_KEYS_WITH_DIFFERENT_CASE", inside, m.start, "merge the two", "The key %s stands here a second time.", m.key)
		default:
			v.refuseIf(v.strict(), "DUPLICATE_KEYS_WITH_DIFFERENT_CASE", inside, m.start, "merge the two", "The key %s differs from %s only by case.", m.key, first)
		}
		v.duplicates(&m.value, inside)
	}
	for i := range n.items {
		v.duplicates(&n.items[i], path+"["+strconv.Itoa(i)+"]")
	}
}

// join adds a key to a path: as .Key if it is a plain word, else as ["key"].
func join(path, key string) string {
	plain := key != ""
	for i := range len(key) {
		if c := key[i] | 0x20; (c < 'a' || c > 'z') && (i == 0 || key[i] < '0' || key[i] > '9') {
			plain = false
		}
	}
	switch {
	case !plain:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

func (v *validator) version(root *node) {
	version := root.get("Version")
	switch {
	case version == nil && v.is(RCP):
		v.refuse("INVALID_VERSION", "", root.start, `add "Version": "2012-10-17"`, "A resource control policy must have the Version 2012-10-17.")
	case version == nil:
		v.add(LevelWarning, "MISSING_VERSION", "", root.start, `add "Version": "2012-10-17"`, "Without Version the policy counts as of 2008-10-17, without policy variables.")
	case version.kind != kindString:
		v.refuse("DATA_TYPE_MISMATCH", "Version", version.start, "write it in double quotes", "Version must be a string, not %s.", version.kind)
	case version.text == "2012-10-17":
		v.variables = true
	case version.text == "2008-10-17" && v.is(Identity, Boundary):
		v.refuse("INVALID_VERSION", "Version", version.start, "write 2012-10-17", "IAM stores no new policy of the Version 2008-10-17.")
	case version.text != "2008-10-17":
		v.refuse("INVALID_VERSION", "Version", version.start, "write 2012-10-17", "The Version %s is neither 2012-10-17 nor 2008-10-17.", version.text)
	case v.is(RCP):
		v.refuse("INVALID_VERSION", "Version", version.start, "write 2012-10-17", "A resource control policy must have the Version 2012-10-17.")
	}
}

func statementElements() []string {
	return []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
}

func (v *validator) statement(n *node, path string) {
	if n.kind != kindObject {
		v.refuse("DATA_TYPE_MISMATCH", path, n.start, "", "A statement must be an object, not %s.", n.kind)
		return
	}
	for i := range n.members {
		if m := &n.members[i]; !slices.Contains(statementElements(), m.key) {
			v.refuse("INVALID_POLICY_ELEMENT", join(path, m.key), m.start, v.known.didYouMean(m.key, statementElements()), "The element %s is not valid in a statement.", m.key)
		}
	}
	for _, pair := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		if n.get(pair[0]) != nil && n.get(pair[1]) != nil {
			v.refuse("UNSUPPORTED_ELEMENT_COMBINATION", join(path, pair[1]), n.get(pair[1]).start, "", "A statement may have %s or %s, not both.", pair[0], pair[1])
		}
	}
	if said := n.canonical("Sid"); v.said[said] {
		v.add(LevelSuggestion, "REDUNDANT_STATEMENT", path, n.start, "remove it", "The same statement stands before, under another Sid or none.")
	} else {
		if v.said == nil {
			v.said = map[string]bool{}
		}
		v.said[said] = true
	}
	v.sid(n.get("Sid"), path+".Sid")
	effect := v.effect(n, path)
	v.actions(n, path)
	v.resources(n, path, effect)
	v.principals(n, path, effect)
	v.conditions(n, path, effect)
}

func (v *validator) sid(sid *node, path string) {
	switch {
	case sid == nil:
	case sid.kind != kindString:
		v.refuse("DATA_TYPE_MISMATCH", path, sid.start, "", "Sid must be a string, not %s.", sid.kind)
	case sid.text == "":
		v.add(LevelSuggestion, "EMPTY_SID_VALUE", path, sid.start, "remove it, or name the statement", "The Sid is empty.")
	default:
		if v.sids[sid.text] {
			v.refuseIf(!v.is(Any, ResourceBased, Endpoint), "UNIQUE_SIDS_REQUIRED", path, sid.start, "", "The Sid %q stands twice in the policy.", sid.text)
		}
		if v.sids == nil {
			v.sids = map[string]bool{}
		}
		v.sids[sid.text] = true
		if v.is(Identity, Session, Boundary, Trust) && strings.ContainsFunc(sid.text, func(char rune) bool {
			return (char < '0' || char > '9') && (char|0x20 < 'a' || char|0x20 > 'z')
		}) {
			v.refuse("UNSUPPORTED_SID", path, sid.start, "use only A-Z, a-z, 0-9", "The Sid %q may hold only letters and digits in a policy of IAM.", sid.text)
		}
		v.noVariables(sid, path)
	}
}

func (v *validator) effect(n *node, path string) effect {
	value := n.get("Effect")
	switch {
	case value == nil:
		v.refuse("MISSING_EFFECT", path, n.start, `add "Effect": "Allow" or "Deny"`, "The statement has no Effect.")
	case value.kind != kindString:
		v.refuse("DATA_TYPE_MISMATCH", path+".Effect", value.start, "", "Effect must be a string, not %s.", value.kind)
	case value.text == "Allow" && v.is(RCP):
		v.refuse("INVALID_EFFECT", path+".Effect", value.start, "", "The Effect must be Deny in a resource control policy.")
	case value.text == "Allow":
		return allow
	case value.text == "Deny":
		return deny
	default:
		v.refuse("INVALID_EFFECT", path+".Effect", value.start, v.known.didYouMean(value.text, []string{"Allow", "Deny"}), "The Effect %q is neither Allow nor Deny.", value.text)
	}
	return noEffect
}

// strings checks that a value is a string or an array of strings, and calls f for each.
func (v *validator) strings(n *node, path string, f func(item *node, path string)) {
	switch n.kind {
	case kindString:
		f(n, path)
	case kindArray:
		for i := range n.items {
			inside := path + "[" + strconv.Itoa(i) + "]"
			if item := &n.items[i]; item.kind == kindString {
				f(item, inside)
			} else {
				v.mistyped(item, inside)
			}
		}
	default:
		v.mistyped(n, path)
	}
}

func (v *validator) mistyped(n *node, path string) {
	hint := ""
	if n.kind == kindNumber {
		hint = "write it in double quotes"
	}
	v.refuse("DATA_TYPE_MISMATCH", path, n.start, hint, "Found %s where a string is expected.", n.kind)
}
