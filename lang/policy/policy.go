package policy

import (
	"fmt"
	"strings"
)

// Policy is one document, parsed and compiled once. It is immutable and safe for concurrent use.
type Policy struct {
	source     string
	statements []statement
	principals []PrincipalRef
}

type effect uint8

const (
	noEffect effect = iota // neither Allow nor Deny as AWS spells them: the statement never applies
	allow
	deny
)

func (e effect) String() string { return [...]string{"", "Allow", "Deny"}[e] }

// statement is one compiled statement.
type statement struct {
	sid    string
	effect effect

	actions    []action
	hasAction  bool
	notActions bool

	resources    []resource
	hasResource  bool
	notResources bool

	principals    []principalPattern
	hasPrincipal  bool
	notPrincipals bool

	conditions []condition
}

// PrincipalRef is one value of a Principal or NotPrincipal element, and where it stands.
type PrincipalRef struct {
	Key          string // "AWS", "Service", "Federated", "CanonicalUser"; "*" for a Principal that is a bare string
	Value        string
	Offset       int // bytes from 0
	Line, Column int // from 1, columns in code points
	Path         string
	Not          bool // stands in NotPrincipal
	end          int
}

// Parse reads a document that has the shape of a policy and compiles it. It is lenient: what AWS would refuse to store but can be
// evaluated is Validate's matter; what is misspelt or ill-typed simply never matches (IAMP-2). The error is a *SyntaxError: not JSON, or
// not an object.
func Parse(document []byte) (*Policy, error) {
	root, source, err := readJSON(document)
	if err != nil {
		return nil, err
	}
	if root.kind != kindObject {
		return nil, syntaxError(source, root.start, "", "a policy is a JSON object, not %s", root.kind)
	}
	p := &Policy{source: source}
	places := locator{source: source}
	variables := false
	if version := root.get("Version"); version != nil {
		variables = version.kind == kindString && version.text == "2012-10-17" // IAMP-2.3
	}
	if statements := root.get("Statement"); statements != nil {
		for i, item := range statements.list() {
			path := "Statement"
			if statements.kind == kindArray {
				path = fmt.Sprintf("Statement[%d]", i)
			}
			p.statements = append(p.statements, p.compileStatement(&item, path, variables, &places))
		}
	}
	return p, nil
}

// Text returns the document as it was given.
func (p *Policy) Text() []byte { return []byte(p.source) }

// Statements returns how many statements the document has.
func (p *Policy) Statements() int { return len(p.statements) }

// Principals returns every value of every Principal and NotPrincipal element, in the order of the document.
func (p *Policy) Principals() []PrincipalRef { return append([]PrincipalRef(nil), p.principals...) }

// Rewrite replaces every AWS value of Principal and NotPrincipal for which f answers true, and leaves every other byte as it was. This is
// how the ARNs of users and roles become unique ids when a policy is saved, and ARNs again when it is read (IAMP-2.1).
func (p *Policy) Rewrite(f func(value string) (string, bool)) []byte {
	var out []byte
	done := 0
	for i := range p.principals {
		ref := &p.principals[i]
		if ref.Key != "AWS" {
			continue
		}
		if value, ok := f(ref.Value); ok {
			out = append(out, p.source[done:ref.Offset]...)
			out = appendQuoted(out, value)
			done = ref.end
		}
	}
	return append(out, p.source[done:]...)
}

// appendQuoted appends s as a JSON string.
func appendQuoted(out []byte, s string) []byte {
	out = append(out, '"')
	for _, char := range s {
		switch {
		case char == '"' || char == '\\':
			out = append(out, '\\', byte(char))
		case char < ' ':
			out = fmt.Appendf(out, `\u%04x`, char)
		default:
			out = append(out, string(char)...)
		}
	}
	return append(out, '"')
}

func (p *Policy) compileStatement(n *node, path string, variables bool, places *locator) statement {
	var s statement
	if n.kind != kindObject {
		return s
	}
	if sid := n.get("Sid"); sid != nil && sid.scalar() {
		s.sid = sid.text
	}
	if e := n.get("Effect"); e != nil && e.kind == kindString {
		switch e.text {
		case "Allow":
			s.effect = allow
		case "Deny":
			s.effect = deny
		}
	}
	value, not := either(n, "Action", "NotAction")
	if s.hasAction, s.notActions = value != nil, not; value != nil {
		for _, item := range value.list() {
			if item.kind == kindString {
				s.actions = append(s.actions, compileAction(item.text))
			}
		}
	}
	value, not = either(n, "Resource", "NotResource")
	if s.hasResource, s.notResources = value != nil, not; value != nil {
		for _, item := range value.list() {
			if item.kind == kindString {
				s.resources = append(s.resources, compileResource(item.text, variables))
			}
		}
	}
	value, not = either(n, "Principal", "NotPrincipal")
	if s.hasPrincipal, s.notPrincipals = value != nil, not; value != nil {
		s.principals = compilePrincipals(value)
	}
	p.collectPrincipals(n, path, places)
	if conditions := n.get("Condition"); conditions != nil {
		s.conditions = compileConditions(conditions, variables)
	}
	return s
}

// either returns the positive element if it is there, else the negated one.
func either(n *node, positive, negative string) (value *node, not bool) {
	if value = n.get(positive); value != nil {
		return value, false
	}
	value = n.get(negative)
	return value, value != nil
}

// collectPrincipals notes every principal value for Principals and Rewrite, those of duplicate elements too: a rewrite must reach them all.
func (p *Policy) collectPrincipals(statement *node, path string, places *locator) {
	add := func(key string, n *node, path string, not bool) {
		if n.kind != kindString {
			return
		}
		line, column := places.at(n.start)
		p.principals = append(p.principals, PrincipalRef{
			Key: key, Value: n.text, Offset: n.start, Line: line, Column: column, Path: path, Not: not, end: n.end,
		})
	}
	for i := range statement.members {
		m := &statement.members[i]
		if m.key != "Principal" && m.key != "NotPrincipal" {
			continue
		}
		not, path := m.key == "NotPrincipal", path+"."+m.key
		if m.value.kind == kindString {
			add("*", &m.value, path, not)
		}
		for j := range m.value.members {
			entry := &m.value.members[j]
			path := path + "." + entry.key
			if entry.value.kind != kindArray {
				add(entry.key, &entry.value, path, not)
			}
			for k := range entry.value.items {
				add(entry.key, &entry.value.items[k], fmt.Sprintf("%s[%d]", path, k), not)
			}
		}
	}
}

// action is one compiled value of Action or NotAction.
type action struct {
	all   bool // a lone *
	never bool // can match nothing: blank, comma, no colon, nothing after it (IAMP-2)
	text  string
	// exact is service:name in lower case when there is no wildcard; else service and name are matched apart.
	exact         string
	service, name pattern
}

func compileAction(text string) action {
	a := action{text: text}
	if text == "*" {
		a.all = true
		return a
	}
	service, name, ok := strings.Cut(text, ":")
	if !ok || service == "" || name == "" || strings.ContainsAny(text, " \t\r\n,") {
		a.never = true
		return a
	}
	if lower := lowerASCII(text); strings.ContainsAny(lower, "*?") {
		a.service, a.name = compile(lowerASCII(service), true, false), compile(lowerASCII(name), true, false)
	} else {
		a.exact = lower
	}
	return a
}

func lowerASCII(s string) string {
	return strings.Map(func(char rune) rune {
		if char >= 'A' && char <= 'Z' {
			return char + ('a' - 'A')
		}
		return char
	}, s)
}

// matches compares with the action of a request, whose service ends at colon.
func (a *action) matches(request string, colon int) bool {
	switch {
	case a.all:
		return true
	case a.never || colon < 0:
		return false
	case a.exact != "":
		return equalFoldASCII(request, a.exact)
	}
	service := request[:colon]
	if a.service.exact {
		if !equalFoldASCII(service, a.service.text) {
			return false
		}
	} else if !matchTokens(a.service.tokens, service, foldASCII) {
		return false
	}
	return a.name.exact && equalFoldASCII(request[colon+1:], a.name.text) || !a.name.exact && matchTokens(a.name.tokens, request[colon+1:], foldASCII)
}
