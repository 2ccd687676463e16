package policy

import "strings"

// overlay is a context with some values replaced.
type overlay struct {
	base   Context
	values map[string]Value
}

// Lookup answers a replaced value, else that of the request.
func (o *overlay) Lookup(key string) Value {
	if v, ok := o.values[key]; ok {
		return v
	}
	return lookup(o.base, key)
}

// change replaces values of the request so that all conditions hold, or do not. It reports whether there are such values; if not, or if a key says who
// calls, nothing changes. A key that was changed before is left alone, so that two statements that want opposite things end the search.
func (a *adviser) change(conditions []*condition, hold bool) bool {
	before := a.overlay.values
	now := make(map[string]Value, len(before)+1)
	for key, value := range before {
		now[key] = value
	}
	a.overlay.values = now
	fits := func(key string) bool {
		for _, c := range conditions {
			if c.key == key && c.holds(&a.overlay) != hold {
				return false
			}
		}
		return true
	}
	for _, c := range conditions {
		if c.key != "" && fits(c.key) {
			continue // by the value found for the condition before
		}
		_, ofCaller := PrincipalValue(a.request.Principal, c.key)
		if _, done := now[c.key]; done || ofCaller || c.key == "" || !a.try(c, conditions, fits) {
			a.overlay.values = before
			return false
		}
	}
	return true
}

// try looks for a value under which the conditions on the key of c are as they should be.
func (a *adviser) try(c *condition, conditions []*condition, fits func(key string) bool) bool {
	now := lookup(a.overlay.base, c.key)
	multi := now.Multi || !now.Present && c.qualifier != single
	for _, text := range examples(conditions, c.key) {
		v := Value{Present: true, One: text}
		if multi {
			v = Value{Present: true, Multi: true, Many: []string{text}}
		}
		if a.overlay.values[c.key] = v; fits(c.key) {
			return true
		}
	}
	a.overlay.values[c.key] = Value{}
	if fits(c.key) {
		return true
	}
	delete(a.overlay.values, c.key)
	return false
}

// maxExamples bounds the values that are tried for one key.
const maxExamples = 200

// examples returns values that may fulfil conditions on a key, or fail them.
func examples(conditions []*condition, key string) []string {
	var out []string
	for _, c := range conditions {
		if c.key != key {
			continue
		}
		for i := range c.values {
			if len(out) > maxExamples {
				break
			}
			o := &c.values[i]
			out = append(out, strings.NewReplacer("*", "", "?", "x").Replace(o.text), o.text)
			switch c.comparison {
			case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
				if whole := o.number.whole; whole != "" {
					out = append(out, whole+"1", "-"+whole+"1")
				}
			case ipAddress:
				if o.valid {
					out = append(out, o.network.Addr().String())
				}
			}
		}
	}
	return append(out, "true", "false", "x", "0", "-1", "1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "192.0.2.1", "2001:db8::1", "arn:x:x:x:x:x", "eA==")
}

// say words a condition and what the request has: StringEquals aws:SourceAccount "1" (the request has "2").
func (c *ConditionResult) say() string {
	list := func(values []string) string {
		for i := range values {
			values[i] = quoted(values[i])
		}
		return strings.Join(values, ", ")
	}
	var want []string
	for i := range c.Values {
		if want = append(want, c.Values[i].Value); c.Values[i].Substituted != "" {
			want[i] = c.Values[i].Substituted
		}
	}
	text := c.Operator + " " + c.Key + " " + list(want)
	switch {
	case c.Absent:
		return text + " (the request has no such key)"
	case len(c.Request) == 0:
		return text + " (the request has none)"
	}
	return text + " (the request has " + list(append([]string(nil), c.Request...)) + ")"
}
