package org

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// EffectivePolicy is what the policies of an inherited type on an account and above it come to.
type EffectivePolicy struct {
	Account, Content string
	Type             PolicyType
	Updated          time.Time // when the youngest of them was changed
}

// EffectivePolicy merges the policies of a type that reach an account; "" is the caller's. Every account may ask for its own (ORG-18). Those that bind are not merged:
// each of them counts by itself. Faults: EffectivePolicyNotFound, TargetNotFound, InvalidInput.
func (o *Organizations) EffectivePolicy(ctx context.Context, t PolicyType, account string) (*EffectivePolicy, error) {
	caller := iam.From(ctx).Principal
	if account == "" && caller != nil {
		account = caller.Account
	}
	a := access{action: "DescribeEffectivePolicy", by: readers, targets: []string{account}, request: iam.Resource{Keys: ofType(t)}}
	if caller != nil && caller.Account == account {
		a.by = members
	}
	f, err := o.enter(ctx, a)
	if err != nil {
		return nil, err
	}
	if _, ok := t.rules(); !ok || !t.inherited() {
		return nil, invalid("INVALID_ENUM_POLICY_TYPE", "You specified an invalid policy type string.")
	}
	var levels [][]string
	var updated int64
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		var path string
		err := tx.Row(`SELECT n.path FROM org_account a JOIN org_node n ON n.id = a.parent WHERE a.account = $1 AND a.organization = $2`, sql.Args(account, f.ID), &path)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoTarget()
		}
		if err != nil {
			return err
		}
		for _, target := range append(nodesOf(path), account) {
			var level []string
			err := tx.Rows(`SELECT p.content, p.updated FROM org_attachment a JOIN org_policy p ON p.id = a.policy
				WHERE a.target = $1 AND a.type = $2 AND a.organization = $3 ORDER BY p.created, p.id`, sql.Args(target, string(t), f.ID), func(row sql.Scanner) error {
				var content string
				var changed int64
				err := row.Scan(&content, &changed)
				level, updated = append(level, content), max(updated, changed)
				return err
			})
			if err != nil {
				return err
			}
			levels = append(levels, level)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	content, err := effective(levels)
	if err != nil {
		return nil, err
	}
	if content == "" {
		return nil, fault.New(fault.EffectivePolicyNotFound, "The account doesn't have an effective policy of this type: the policy type is not enabled, or no such policy is attached to the account or above it.")
	}
	return &EffectivePolicy{Account: account, Type: t, Content: content, Updated: sql.Time(updated)}, nil
}

// The operators by which policies of the inherited types say how they change what comes from above.
const (
	opAssign  = "@@assign"
	opAppend  = "@@append"
	opRemove  = "@@remove"
	opControl = "@@operators_allowed_for_child_policies"
)

// setting is one key of an effective policy: a value, or more keys.
type setting struct {
	value any // nil without
	inner map[string]*setting
	// allowed are the operators that the levels further down may use here and below; nil is all. next is what the level that is being merged says of it: a level
	// does not bind itself.
	allowed, next []string
	limited       bool // next counts
}

// effective merges policies of an inherited type level by level, from the root down, as AWS documents the inheritance of management policies: @@assign replaces what is
// inherited, @@append and @@remove change a list, and @@operators_allowed_for_child_policies says which of them the levels below may use. It answers a document without
// operators, "" if there is none. Policies on the same level are merged in the order given.
func effective(levels [][]string) (string, error) {
	root := &setting{}
	found := false
	for _, level := range levels {
		for _, document := range level {
			var tree map[string]any
			if err := json.Unmarshal([]byte(document), &tree); err != nil {
				return "", err
			}
			root.merge(tree, nil)
			found = true
		}
		root.settle()
	}
	if !found {
		return "", nil
	}
	plain := root.plain()
	if plain == nil {
		plain = map[string]any{}
	}
	out, err := json.Marshal(plain)
	return string(out), err
}

// merge brings in what one policy says of s. limits are the operators that levels above allow, nil for all.
func (s *setting) merge(said map[string]any, limits []string) {
	if s.allowed != nil {
		limits = both(limits, s.allowed)
	}
	may := func(op string) bool { return limits == nil || slices.Contains(limits, op) }
	for _, key := range slices.Sorted(maps.Keys(said)) {
		value := said[key]
		switch key {
		case opAssign:
			if may(opAssign) {
				s.value = value
			}
		case opAppend:
			if may(opAppend) {
				s.value = appended(s.value, value)
			}
		case opRemove:
			if may(opRemove) {
				s.value = removed(s.value, value)
			}
		case opControl:
			s.limit(value)
		default:
			inside, ok := value.(map[string]any)
			if !ok { // a value without operator
				inside = map[string]any{opAssign: value}
			}
			if s.inner == nil {
				s.inner = map[string]*setting{}
			}
			if s.inner[key] == nil {
				s.inner[key] = &setting{}
			}
			s.inner[key].merge(inside, limits)
		}
	}
}

// limit notes which operators the levels below may use.
func (s *setting) limit(value any) {
	allowed := []string{}
	for _, op := range listOf(value) {
		switch op {
		case "@@all":
			return
		case "@@none":
		default:
			if text, ok := op.(string); ok {
				allowed = append(allowed, text)
			}
		}
	}
	if s.limited {
		allowed = both(s.next, allowed)
	}
	s.next, s.limited = allowed, true
}

// settle ends a level: what it allows binds from here on.
func (s *setting) settle() {
	if s.limited {
		if s.allowed != nil {
			s.next = both(s.allowed, s.next)
		}
		s.allowed, s.next, s.limited = s.next, nil, false
	}
	for _, inner := range s.inner {
		inner.settle()
	}
}

// plain is the setting without operators; nil if nothing is set.
func (s *setting) plain() any {
	out := map[string]any{}
	for key, inner := range s.inner {
		if v := inner.plain(); v != nil {
			out[key] = v
		}
	}
	if len(out) == 0 {
		return s.value
	}
	return out
}

// both are the operators that two lists allow; nil allows all.
func both(a, b []string) []string {
	if a == nil {
		return b
	}
	out := []string{}
	for _, op := range a {
		if slices.Contains(b, op) {
			out = append(out, op)
		}
	}
	return out
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// appended is list with the values that it does not have yet.
func appended(list, more any) any {
	out := slices.Clone(listOf(list))
	for _, v := range listOf(more) {
		if !contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func removed(list, less any) any {
	out := []any{}
	for _, v := range listOf(list) {
		if !contains(listOf(less), v) {
			out = append(out, v)
		}
	}
	return out
}

func contains(list []any, v any) bool {
	return slices.ContainsFunc(list, func(x any) bool { return equal(x, v) })
}

// equal compares values of JSON, which may be maps and lists.
func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
