package policy

import (
	"net/netip"
	"strings"
)

// Context answers condition keys of one request. key is in lower case, whatever the policy wrote ("aws:sourceip",
// "aws:resourcetag/team"). It is asked only for keys that an otherwise matching statement needs. A Context must not keep the key.
type Context interface {
	Lookup(key string) Value
}

// Value is what a request has under a key: nothing, one string (maybe empty), or a list (IAMP-1).
type Value struct {
	Present bool
	// Multi: the key is multi-valued and its values are Many, even if there is but one; else the value is One.
	Multi bool
	One   string
	Many  []string
}

// condition is one operator and one key with its values.
type condition struct {
	operator
	written string // the operator as written
	name    string // the key as written
	key     string // in lower case: keys compare case-insensitively (IAMP-1)
	values  []operand
}

// operand is one policy value, read once as what its operator compares.
type operand struct {
	text    string // as written
	valid   bool   // of the operator's type
	pattern pattern
	arn     *[6]pattern // the parts of an ARN without variables
	number  decimal
	at      instant
	network netip.Prefix
	bytes   string
	yes     bool
}

func compileConditions(n *node, variables bool) []condition {
	if n.kind != kindObject {
		// Something stands where operators belong: nothing can fulfil it, so the statement must not apply.
		return []condition{{written: n.text}}
	}
	var out []condition
	for i := range n.members {
		m := &n.members[i]
		if m.overridden {
			continue
		}
		op := parseOperator(m.key)
		if m.value.kind != kindObject {
			out = append(out, condition{written: m.key})
			continue
		}
		for j := range m.value.members {
			entry := &m.value.members[j]
			if entry.overridden {
				continue
			}
			c := condition{operator: op, written: m.key, name: entry.key, key: strings.ToLower(entry.key)}
			for _, item := range entry.value.list() {
				if item.scalar() {
					c.values = append(c.values, compileOperand(op.comparison, item.text, variables))
				}
			}
			out = append(out, c)
		}
	}
	return out
}

func compileOperand(c comparison, text string, variables bool) operand {
	o := operand{text: text, valid: true}
	switch c {
	case stringEquals, stringEqualsIgnoreCase, stringLike:
		o.pattern = compile(text, c.takesWildcards(), variables)
	case arnLike:
		o.pattern = compile(text, true, variables)
		if !o.pattern.variables {
			parts, count := splitARN(text)
			if o.valid = count == 6; o.valid {
				o.arn = new([6]pattern)
				for i := range parts {
					o.arn[i] = compile(parts[i], true, variables)
				}
			}
		}
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		o.number, o.valid = parseDecimal(text)
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		o.at, o.valid = parseInstant(text)
	case boolEquals:
		if o.pattern = compile(text, false, variables); !o.pattern.variables {
			o.yes, o.valid = parseBool(text)
		}
	case null:
		o.yes, o.valid = parseBool(text)
	case binaryEquals:
		o.bytes, o.valid = decodeBase64(text)
	case ipAddress:
		o.network, o.valid = parsePrefix(text)
	}
	return o
}

// subject is one value of the request, read once as what the operator compares.
type subject struct {
	text    string
	valid   bool
	number  decimal
	at      instant
	address netip.Addr
	yes     bool
	parts   [6]string
}

func newSubject(c comparison, text string) subject {
	s := subject{text: text, valid: true}
	switch c {
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		s.number, s.valid = parseDecimal(text)
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		s.at, s.valid = parseInstant(text)
	case boolEquals:
		s.yes, s.valid = parseBool(text)
	case binaryEquals:
		_, s.valid = equalBase64(text, "")
	case ipAddress:
		s.address, s.valid = parseAddress(text)
	case arnLike:
		count := 0
		s.parts, count = splitARN(text)
		s.valid = count == 6
	}
	return s
}

// verdict is the outcome of comparing one request value with one policy value.
type verdict uint8

const (
	differs verdict = iota
	matched
	illTyped     // the policy value is not of the operator's type: neither it nor its negation holds (IAMP-2.2)
	unresolvable // a policy variable without value: does not match, so its negation holds (IAMP-2.3)
)

func verdictOf(ok bool) verdict {
	if ok {
		return matched
	}
	return differs
}

// compare compares without regard to negation.
func (c comparison) compare(s *subject, o *operand, context Context) verdict {
	if !o.valid {
		return illTyped
	}
	switch c {
	case stringEquals, stringEqualsIgnoreCase, stringLike:
		fold := sameCase
		if c == stringEqualsIgnoreCase {
			fold = foldUnicode
		}
		if !o.pattern.variables {
			if c == stringEquals || o.pattern.exact && fold == sameCase {
				return verdictOf(o.pattern.text == s.text)
			}
			return verdictOf(matchTokens(o.pattern.tokens, s.text, fold))
		}
		var buffer resolveBuffer
		tokens, ok := o.pattern.resolve(buffer[:0], context)
		if !ok {
			return unresolvable
		}
		return verdictOf(matchTokens(tokens, s.text, fold))
	case arnLike:
		return o.compareARN(s, context)
	case numericEquals:
		return verdictOf(s.number.compare(o.number) == 0)
	case numericLess:
		return verdictOf(s.number.compare(o.number) < 0)
	case numericLessEquals:
		return verdictOf(s.number.compare(o.number) <= 0)
	case numericGreater:
		return verdictOf(s.number.compare(o.number) > 0)
	case numericGreaterEquals:
		return verdictOf(s.number.compare(o.number) >= 0)
	case dateEquals:
		return verdictOf(s.at.compare(o.at) == 0)
	case dateLess:
		return verdictOf(s.at.compare(o.at) < 0)
	case dateLessEquals:
		return verdictOf(s.at.compare(o.at) <= 0)
	case dateGreater:
		return verdictOf(s.at.compare(o.at) > 0)
	case dateGreaterEquals:
		return verdictOf(s.at.compare(o.at) >= 0)
	case boolEquals:
		if !o.pattern.variables {
			return verdictOf(s.yes == o.yes)
		}
		var buffer resolveBuffer
		tokens, ok := o.pattern.resolve(buffer[:0], context)
		if !ok {
			return unresolvable
		}
		return verdictOf(matchTokens(tokens, s.text, foldASCII))
	case binaryEquals:
		equal, _ := equalBase64(s.text, o.bytes)
		return verdictOf(equal)
	case ipAddress:
		return verdictOf(o.network.Contains(s.address))
	}
	return differs
}

// compareARN matches part by part. With variables the pattern is taken apart at the colons that it has after substitution.
func (o *operand) compareARN(s *subject, context Context) verdict {
	if o.arn != nil {
		for i := range o.arn {
			if !o.arn[i].matchString(s.parts[i]) {
				return differs
			}
		}
		return matched
	}
	var buffer resolveBuffer
	tokens, ok := o.pattern.resolve(buffer[:0], context)
	if !ok {
		return unresolvable
	}
	var piece resolveBuffer
	part, pieces, same := 0, piece[:0], true
	for i := range tokens {
		t := tokens[i]
		for t.kind == literal && part < 5 {
			at := strings.IndexByte(t.text, ':')
			if at < 0 {
				break
			}
			if at > 0 {
				pieces = append(pieces, token{kind: literal, text: t.text[:at]})
			}
			same = same && matchTokens(pieces, s.parts[part], sameCase)
			part, pieces = part+1, pieces[:0]
			t.text = t.text[at+1:]
		}
		if t.kind != literal || t.text != "" {
			pieces = append(pieces, t)
		}
	}
	if part < 5 {
		return illTyped
	}
	return verdictOf(same && matchTokens(pieces, s.parts[5], sameCase))
}

// holds reports whether the condition is fulfilled (IAMP-2.2).
func (c *condition) holds(context Context) bool {
	if c.comparison == unknownOperator {
		return false
	}
	value := lookup(context, c.key)
	if c.comparison == null {
		for i := range c.values {
			if o := &c.values[i]; o.valid && o.yes != value.Present {
				return true
			}
		}
		return false
	}
	switch c.qualifier {
	case forAllValues:
		return c.allHold(&value, context)
	case forAnyValue:
		return c.anyHolds(&value, context)
	}
	switch {
	case !value.Present:
		return c.ifExists || c.negated
	case value.Multi:
		return false // a multi-valued key needs a set operator, also to be negated (IAMP-2.2)
	}
	return c.accepts(value.One, context)
}

// allHold: every value of the request is accepted; true of no value.
func (c *condition) allHold(value *Value, context Context) bool {
	if value.empty() {
		return true
	}
	if !value.Multi {
		return c.accepts(value.One, context)
	}
	for _, one := range value.Many {
		if !c.accepts(one, context) {
			return false
		}
	}
	return true
}

// anyHolds: some value of the request is accepted; false of no value, IfExists or not.
func (c *condition) anyHolds(value *Value, context Context) bool {
	if value.empty() {
		return false
	}
	if !value.Multi {
		return c.accepts(value.One, context)
	}
	for _, one := range value.Many {
		if c.accepts(one, context) {
			return true
		}
	}
	return false
}

// empty reports whether a set operator sees no value: the key is absent, its list is empty or holds but one empty string (IAMP-2.2).
func (v *Value) empty() bool {
	return !v.Present || !v.Multi && v.One == "" || v.Multi && (len(v.Many) == 0 || len(v.Many) == 1 && v.Many[0] == "")
}

// accepts reports whether one value of the request passes: equal to one of the policy's values or, negated, to none.
func (c *condition) accepts(text string, context Context) bool {
	s := newSubject(c.comparison, text)
	if !s.valid {
		return false
	}
	for i := range c.values {
		switch c.comparison.compare(&s, &c.values[i], context) {
		case matched:
			return !c.negated
		case illTyped:
			if c.negated {
				return false
			}
		}
	}
	return c.negated
}
