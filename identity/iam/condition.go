package iam

import (
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/lang/policy"
)

// conditionKeys answers the condition keys of one decision (IAMP-1.2), those of the caller by policy.PrincipalValue. A key is computed when a statement asks for it. Nothing here is
// taken from what a client may choose freely, except the keys that are by nature the client's own (UserAgent, Referer, tags of the request): H83.
type conditionKeys struct {
	call     *Call
	member   *member // nil for callers that are no member of an account
	resource *Resource
	// The organizations of the caller's account, of the resource's owner, and of the account that a service acts for; nil without.
	callers, owners, sources *Membership
}

func one(s string) policy.Value { return policy.Value{Present: true, One: s} }

func oneIf(s string) policy.Value { return policy.Value{Present: s != "", One: s} }

func boolean(b bool) policy.Value {
	if b {
		return one("true")
	}
	return one("false")
}

// id is the organization's id; absent without an organization (ORG-6).
func (m *Membership) id() policy.Value {
	if m == nil {
		return policy.Value{}
	}
	return one(m.Organization)
}

// paths is where in the organization the account is; absent without an organization (ORG-6).
func (m *Membership) paths() policy.Value {
	if m == nil {
		return policy.Value{}
	}
	return policy.Value{Present: true, Multi: true, Many: m.Paths}
}

// Lookup answers key, which is in lower case.
func (k *conditionKeys) Lookup(key string) policy.Value {
	c, r, p := k.call, k.resource, k.call.Principal
	switch key {
	case "aws:currenttime":
		return one(c.Time.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return one(strconv.FormatInt(c.Time.Unix(), 10))
	case "aws:sourceip": // an address behind a private endpoint is none that the world knows (IAMP-1.2)
		if c.Endpoint == nil {
			return oneIf(c.sourceIP())
		}
	case "aws:vpcsourceip":
		if c.Endpoint != nil {
			return oneIf(c.sourceIP())
		}
	case "aws:sourcevpce":
		if c.Endpoint != nil {
			return one(c.Endpoint.ID)
		}
	case "aws:sourcevpc":
		if c.Endpoint != nil {
			return oneIf(c.Endpoint.VPC)
		}
	case "aws:securetransport":
		return boolean(c.Secure)
	case "aws:useragent":
		return one(c.UserAgent)
	case "aws:referer":
		return oneIf(c.Referer)
	case "aws:requestedregion":
		return oneIf(c.Region)
	case "aws:viaawsservice":
		return one("false")

	case "aws:tokenissuetime":
		if c.Session != nil {
			return one(c.Session.Issued.UTC().Format(time.RFC3339))
		}
	case "aws:multifactorauthpresent": // absent with long-term keys, and where a provider vouched; sessions here are made without a second factor
		if c.Session != nil && c.Session.Provider == "" {
			return one("false")
		}
	case "aws:sourceidentity":
		if c.Session != nil {
			return oneIf(c.Session.SourceIdentity)
		}
	case "aws:federatedprovider":
		if c.Session != nil {
			return oneIf(c.Session.Provider)
		}
		return oneIf(p.Provider)

	case "aws:sourcearn":
		if c.Source != nil {
			return oneIf(c.Source.ARN)
		}
	case "aws:sourceaccount":
		if c.Source != nil {
			return oneIf(c.Source.Account)
		}

	case "aws:principalorgid":
		return k.callers.id()
	case "aws:principalorgpaths":
		return k.callers.paths()
	case "aws:resourceorgid":
		return k.owners.id()
	case "aws:resourceorgpaths":
		return k.owners.paths()
	case "aws:sourceorgid":
		return k.sources.id()
	case "aws:sourceorgpaths":
		return k.sources.paths()

	case "aws:resourceaccount":
		if r.Account != "" {
			return one(r.Account)
		}
		return oneIf(p.Account)
	case "aws:tagkeys":
		return k.tagKeys()

	case "ecr:imagetag":
		c.image.askedTag = true
		return oneIf(c.image.Tag)
	case "ecr:imagedigest":
		c.image.askedDigest = true
		return oneIf(c.image.Digest)
	}
	if v, ok := policy.PrincipalValue(p, key); ok {
		return v
	}
	if i := strings.IndexByte(key, '/'); i >= 0 {
		switch name := key[i+1:]; key[:i] {
		case "aws:principaltag":
			return k.principalTag(name)
		case "aws:resourcetag", "ecr:resourcetag", "iam:resourcetag":
			return tagValue(r.Tags, name)
		case "aws:requesttag":
			return tagValue(r.RequestTags, name)
		}
	}
	if v, ok := r.Keys[key]; ok {
		return one(v)
	}
	if v, ok := r.lists[key]; ok && len(v) > 0 {
		return policy.Value{Present: true, Multi: true, Many: v}
	}
	if c.Session != nil {
		if v, ok := c.Session.Claims[key]; ok {
			return policy.Value{Present: true, One: v.One, Multi: v.Many != nil, Many: v.Many}
		}
	}
	return policy.Value{}
}

// principalTag is a tag of the session if it has it, else of the user or role (IAMP-1.2).
func (k *conditionKeys) principalTag(name string) policy.Value {
	if s := k.call.Session; s != nil {
		if v, ok := s.foldedTags[name]; ok {
			return one(v)
		}
	}
	if k.member != nil {
		if v, ok := k.member.tags[name]; ok {
			return one(v)
		}
	}
	return policy.Value{}
}

// tagValue finds a tag whose key is name without regard to case; of several the last in byte order (IAMP-1).
func tagValue(tags map[string]string, name string) policy.Value {
	var found policy.Value
	last := ""
	for k, v := range tags {
		if foldedASCII(k, name) && (!found.Present || k > last) {
			found, last = one(v), k
		}
	}
	return found
}

// foldedASCII reports whether key is lower, which is in lower case, without regard to the case of ASCII letters. Unicode's folding would take "ſtack" for "stack":
// who may set the one must not set the other by it.
func foldedASCII(key, lower string) bool {
	if len(key) != len(lower) {
		return false
	}
	for i := range len(key) {
		c := key[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// tagKeys lists the keys that a request brings or takes away; absent, not empty, if there are none.
func (k *conditionKeys) tagKeys() policy.Value {
	keys := k.resource.TagKeys
	if len(k.resource.RequestTags) > 0 {
		keys = append([]string(nil), keys...)
		for key := range k.resource.RequestTags {
			keys = append(keys, key)
		}
	}
	return policy.Value{Present: len(keys) > 0, Multi: true, Many: keys}
}
