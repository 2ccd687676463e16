package iam

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
)

// simulatedContext answers the condition keys of a simulated request: what it was given, and what follows from who calls, when, and in which organization.
// Whatever else a real request would have (its address, its tags) is absent unless it was given.
type simulatedContext struct {
	given     map[string]policy.Value // by key in lower case
	principal *policy.Principal
	kind      Kind // of the principal: policies of a group are simulated too
	known     bool // the principal exists: which tags it does not have is known
	tags      map[string]string
	time      time.Time
	owner     string // account of the resource; "" is the caller's
	region    string // that the request would go to
	// The organizations of the caller's account and of the resource's.
	callers, owners *Membership
}

// Lookup answers key, which is in lower case.
func (c *simulatedContext) Lookup(key string) policy.Value {
	if v, ok := c.given[key]; ok {
		return v
	}
	switch key {
	case "aws:currenttime":
		return one(c.time.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return one(strconv.FormatInt(c.time.Unix(), 10))
	case "aws:requestedregion":
		return one(c.region)
	case "aws:principalorgid":
		return c.callers.id()
	case "aws:principalorgpaths":
		return c.callers.paths()
	case "aws:resourceorgid":
		return c.owners.id()
	case "aws:resourceorgpaths":
		return c.owners.paths()
	case "aws:resourceaccount":
		if c.owner != "" {
			return one(c.owner)
		}
		return oneIf(c.principal.Account)
	case "aws:username", "aws:userid":
		if c.kind == KindGroup {
			return policy.Value{} // nobody calls as a group
		}
	}
	if name, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return tagValue(c.tags, name)
	}
	v, _ := policy.PrincipalValue(c.principal, key)
	return v
}

// misses reports whether a key that some policy asks for would have a value in a real request, or might have, and has none here.
func (c *simulatedContext) misses(key string) bool {
	if c.Lookup(key).Present {
		return false
	}
	switch key {
	case "aws:principalorgid", "aws:principalorgpaths", "aws:resourceorgid", "aws:resourceorgpaths":
		return false // absent because there is no organization
	case "aws:username":
		return c.principal.ARN == "" || c.principal.Type == policy.User
	}
	return !c.known || !strings.HasPrefix(key, "aws:principaltag/")
}

// readContext reads the context entries of a simulation.
func readContext(entries []ContextEntry) (map[string]policy.Value, error) {
	given := make(map[string]policy.Value, len(entries))
	for _, e := range entries {
		key := fold(e.Key)
		if !strings.Contains(key, ":") {
			return nil, fault.New(fault.InvalidInput, "Invalid context key name: %q", e.Key)
		}
		if _, twice := given[key]; twice {
			return nil, fault.New(fault.InvalidInput, "Duplicate context key: %s", e.Key)
		}
		base, list := strings.CutSuffix(e.Type, "List")
		for _, v := range e.Values {
			if !isContextValue(base, v) {
				return nil, fault.New(fault.InvalidInput, "Invalid value %q of the context key %s, whose type is %s.", v, e.Key, e.Type)
			}
		}
		switch {
		case list:
			given[key] = policy.Value{Present: true, Multi: true, Many: e.Values}
		case len(e.Values) == 1:
			given[key] = one(e.Values[0])
		default:
			return nil, fault.New(fault.InvalidInput, "The context key %s has %d values, which takes the type %sList.", e.Key, len(e.Values), base)
		}
	}
	return given, nil
}

// isContextValue reports whether v is of a type of ContextKeyTypeEnum.
func isContextValue(kind, v string) bool {
	var err error
	switch kind {
	case "", "string": // without a type a value is a string
	case "numeric":
		_, err = strconv.ParseFloat(v, 64)
	case "boolean":
		return strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
	case "ip":
		if _, err = netip.ParseAddr(v); err != nil {
			_, err = netip.ParsePrefix(v)
		}
	case "binary":
		_, err = base64.StdEncoding.DecodeString(v)
	case "date":
		if _, err = time.Parse(time.RFC3339, v); err != nil {
			if _, err = time.Parse(time.DateOnly, v); err != nil {
				_, err = strconv.ParseInt(v, 10, 64)
			}
		}
	default:
		return false
	}
	return err == nil
}
