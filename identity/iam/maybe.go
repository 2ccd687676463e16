package iam

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-registry/berth/lang/policy"
)

// maybe decides what depends on a request that is not there. Of every policy it makes two: one in which each condition that only a request could answer favours the
// caller, and one in which it does not. Who passes the second can; who passes only the first can if those conditions are as they should be.
type maybe struct {
	made map[*policy.Policy]*variants
}

type variants struct {
	kind, hard *policy.Policy
	conditions map[int][]string // by statement: what depends on the request, in words
}

// unforeseen says that a key's value is not known before the request (IAMP-1.2): all others follow from the principal, the resource and the organization.
func unforeseen(key string) bool {
	key = strings.ToLower(key)
	for _, prefix := range []string{"aws:principal", "aws:resource", "ecr:resourcetag/", "iam:resourcetag/"} {
		if strings.HasPrefix(key, prefix) {
			return false
		}
	}
	switch key {
	case "aws:userid", "aws:username", "aws:requestedregion", "aws:viaawsservice", "aws:currenttime", "aws:epochtime":
		return false
	}
	return true
}

func (m *maybe) variants(p *policy.Policy) *variants {
	if p == nil {
		return &variants{}
	}
	if v, ok := m.made[p]; ok {
		return v
	}
	v := &variants{kind: p, hard: p}
	if slices.ContainsFunc(p.ContextKeys(), unforeseen) {
		v = split(p)
	}
	m.made[p] = v
	return v
}

// split makes the two variants of a policy. Statements keep their numbers: one that is to say nothing gets an effect that is none.
func split(p *policy.Policy) *variants {
	v := &variants{kind: p, hard: p, conditions: map[int][]string{}}
	var document map[string]json.RawMessage
	if json.Unmarshal(p.Text(), &document) != nil {
		return v
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(document["Statement"], &list) != nil {
		var one map[string]json.RawMessage
		if json.Unmarshal(document["Statement"], &one) != nil {
			return v
		}
		list = []map[string]json.RawMessage{one}
	}
	var kind, hard []map[string]json.RawMessage
	for i, s := range list {
		rest, open := foreseen(s["Condition"])
		if len(open) == 0 {
			kind, hard = append(kind, s), append(hard, s)
			continue
		}
		v.conditions[i] = open
		with, without := map[string]json.RawMessage{}, map[string]json.RawMessage{}
		for name, value := range s {
			with[name], without[name] = value, value
		}
		with["Condition"] = rest
		without["Effect"] = json.RawMessage(`"None"`)
		if string(s["Effect"]) == `"Deny"` {
			kind, hard = append(kind, without), append(hard, with)
		} else {
			kind, hard = append(kind, with), append(hard, without)
		}
	}
	compile := func(list []map[string]json.RawMessage) *policy.Policy {
		statements, err := json.Marshal(list)
		if err != nil {
			return p
		}
		document["Statement"] = statements
		text, err := json.Marshal(document)
		if err != nil {
			return p
		}
		compiled, err := policy.Parse(text)
		if err != nil {
			return p
		}
		return compiled
	}
	v.kind, v.hard = compile(kind), compile(hard)
	return v
}

// foreseen takes from a Condition what only a request could answer, and says that in words.
func foreseen(condition json.RawMessage) (rest json.RawMessage, open []string) {
	var operators map[string]map[string]json.RawMessage
	if json.Unmarshal(condition, &operators) != nil {
		return condition, nil
	}
	for operator, keys := range operators {
		for key, values := range keys {
			if unforeseen(key) {
				open = append(open, fmt.Sprintf("%s %s %s", key, operator, values))
				delete(keys, key)
			}
		}
		if len(keys) == 0 {
			delete(operators, operator)
		}
	}
	slices.Sort(open)
	rest, err := json.Marshal(operators)
	if err != nil {
		return condition, nil
	}
	return rest, open
}

// set is s with one variant of every policy.
func (m *maybe) set(s *policy.Set, which func(*variants) *policy.Policy) policy.Set {
	out := *s
	list := func(in []policy.Attached) []policy.Attached {
		changed := slices.Clone(in)
		for i := range changed {
			changed[i].Policy = which(m.variants(changed[i].Policy))
		}
		return changed
	}
	one := func(in *policy.Attached) *policy.Attached {
		if in == nil {
			return nil
		}
		return &list([]policy.Attached{*in})[0]
	}
	levels := func(in []policy.Level) []policy.Level {
		changed := slices.Clone(in)
		for i := range changed {
			changed[i].Policies = list(changed[i].Policies)
		}
		return changed
	}
	out.Identity, out.Boundary, out.Session, out.Endpoint = list(s.Identity), list(s.Boundary), list(s.Session), list(s.Endpoint)
	out.Resource, out.Registry, out.SCP, out.RCP = one(s.Resource), one(s.Registry), levels(s.SCP), levels(s.RCP)
	return out
}

// can decides r by s. if_ are the conditions under which it is allowed; empty if it always is.
func (m *maybe) can(r *policy.Request, s *policy.Set) (d policy.Decision, conditions []string) {
	hard := m.set(s, func(v *variants) *policy.Policy { return v.hard })
	if d = policy.Evaluate(r, &hard); d.Allowed {
		return d, nil
	}
	kind := m.set(s, func(v *variants) *policy.Policy { return v.kind })
	if d = policy.Evaluate(r, &kind); !d.Allowed {
		return d, nil
	}
	add := func(word string, list []string) {
		for _, c := range list {
			if c = word + c; !slices.Contains(conditions, c) {
				conditions = append(conditions, c)
			}
		}
	}
	// Of each layer that would let it pass: what its first Allow asks, unless another asks nothing.
	for _, l := range policy.Explain(r, &kind) {
		var asked []string
		for i := range l.Statements {
			if st := &l.Statements[i]; st.Applies && st.Effect == "Allow" {
				open := m.conditions(s, &l, st)
				if len(open) == 0 {
					asked = nil
					break
				}
				if asked == nil {
					asked = open
				}
			}
		}
		if l.Layer != policy.LayerIdentity || d.Layer == policy.LayerIdentity || r.ResourceAccount != "" && r.ResourceAccount != r.Principal.Account {
			add("if ", asked)
		}
	}
	for _, l := range policy.Explain(r, &hard) {
		for i := range l.Statements {
			if st := &l.Statements[i]; st.Applies && st.Effect == "Deny" {
				add("unless ", m.conditions(s, &l, st))
			}
		}
	}
	return d, conditions
}

// conditions are those of a statement that depend on the request.
func (m *maybe) conditions(s *policy.Set, l *policy.LayerResult, st *policy.StatementResult) []string {
	for _, a := range policiesOf(s, l) {
		if a.Name == st.Policy && a.ARN == st.PolicyARN {
			if open := m.variants(a.Policy).conditions[st.Statement]; len(open) > 0 {
				return open
			}
		}
	}
	return nil
}
