package iam

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"

	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// errNoEvidence says that a record does not hold what its decision was made of: nothing was decided, or the pieces are not in the log.
var errNoEvidence = errors.New("the record has no evidence")

// thaw reads evidence again.
type thaw struct {
	d      *Directory
	bodies map[string]string
	err    error
}

// read decodes the piece p into v. It reports whether there is such a piece.
func (t *thaw) read(p *audit.Piece, v any) bool {
	if p == nil {
		return false
	}
	body, ok := t.bodies[p.ID()]
	if !ok {
		t.err = errNoEvidence
		return false
	}
	t.err = errors.Join(t.err, json.Unmarshal([]byte(body), v))
	return t.err == nil
}

func (t *thaw) policies(list []keptPolicy) []policy.Attached {
	var out []policy.Attached
	for _, k := range list {
		a := policy.Attached{Name: k.Name, ARN: k.ARN}
		if k.Text != "" {
			text, ok := t.bodies[k.Text]
			if !ok {
				t.err = errNoEvidence
				return nil
			}
			var err error
			a.Policy, err = t.d.compile(text)
			t.err = errors.Join(t.err, err)
		}
		out = append(out, a)
	}
	return out
}

func (t *thaw) levels(list []keptLevel) []policy.Level {
	var out []policy.Level
	for _, k := range list {
		out = append(out, policy.Level{Target: k.Target, Policies: t.policies(k.Policies)})
	}
	return out
}

func (t *thaw) membership(p *audit.Piece) *Membership {
	var k keptMembership
	if !t.read(p, &k) {
		return nil
	}
	return &Membership{Organization: k.Organization, Management: k.Management, Paths: k.Paths, SCP: t.levels(k.SCP), RCP: t.levels(k.RCP)}
}

// replay brings back the call of a record with everything that decided it then, whatever has become of it since.
func (d *Directory) replay(ctx context.Context, log *audit.Log, r *audit.Record) (*Call, error) {
	e := &r.Evidence
	if e.Principal == nil {
		return nil, errNoEvidence
	}
	t := &thaw{d: d}
	var ids []string
	for _, p := range []*audit.Piece{e.Caller, e.Session, e.Resource, e.Callers, e.Owners, e.Sources, e.Endpoint} {
		if p != nil {
			ids = append(ids, p.ID())
		}
	}
	var err error
	if t.bodies, err = log.Pieces(ctx, ids...); err != nil {
		return nil, err
	}
	texts, err := log.Pieces(ctx, textsOf(t.bodies)...)
	if err != nil {
		return nil, err
	}
	for id, text := range texts {
		t.bodies[id] = text
	}

	c := &Call{
		Principal: e.Principal, AccessKeyID: r.AccessKeyID, RequestID: r.RequestID, Time: r.Time, Region: r.Region, Secure: e.Secure, UserAgent: r.UserAgent, Referer: e.Referer,
		image: imageKeys{Image: Image{e.ImageTag, e.ImageDigest}},
	}
	if ip, err := netip.ParseAddr(r.SourceIP); err == nil {
		c.SourceIP = ip
	}
	if e.SourceARN != "" || e.SourceAccount != "" {
		c.Source = &Source{ARN: e.SourceARN, Account: e.SourceAccount}
	}
	k := conditionKeys{
		call: c, callers: t.membership(e.Callers), owners: t.membership(e.Owners), sources: t.membership(e.Sources),
		resource: &Resource{ARN: r.Resource, Account: r.Owner, RequestTags: e.RequestTags, TagKeys: e.TagKeys, Keys: e.Keys, lists: e.Lists},
	}
	var m keptMember
	if t.read(e.Caller, &m) {
		k.member = &member{
			account: m.Account, name: m.Name, path: m.Path, identity: t.policies(m.Identity), boundary: t.policies(m.Boundary), hasBoundary: m.HasBoundary, root: t.policies(m.Root), tags: m.Tags,
		}
	}
	var s keptSession
	if t.read(e.Session, &s) {
		c.Session = &Session{
			ID: s.ID, Name: s.Name, SourceIdentity: s.SourceIdentity, Issued: s.Issued, Expires: s.Expires, Tags: s.Tags, Transitive: s.Transitive, Provider: s.Provider, Claims: s.Claims,
			foldedTags: map[string]string{}, policies: t.policies(s.Policies), limited: s.Limited, exchanged: s.Exchanged,
		}
		for key, value := range s.Tags {
			c.Session.foldedTags[strings.ToLower(key)] = value
		}
	}
	var end keptEndpoint
	if t.read(e.Endpoint, &end) {
		c.Endpoint = &Endpoint{ID: end.ID, VPC: end.VPC, Policies: t.policies(end.Policies), Limited: end.Limited}
	}
	var res keptResource
	if t.read(e.Resource, &res) {
		one := func(p *keptPolicy) *policy.Attached {
			if p == nil {
				return nil
			}
			if list := t.policies([]keptPolicy{*p}); len(list) > 0 {
				return &list[0]
			}
			return nil
		}
		k.resource.Policy, k.resource.Registry, k.resource.Tags, k.resource.trust = one(res.Policy), one(res.Registry), res.Tags, res.Trust
		k.resource.RegistryV1 = res.RegistryV1
	}
	if t.err != nil {
		return nil, t.err
	}
	c.gather(r.Action, k)
	return c, nil
}

// textsOf lists the texts of policies that pieces refer to, wherever they stand in them.
func textsOf(bodies map[string]string) []string {
	var ids []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			_, name := v["name"].(string)
			if id, ok := v["text"].(string); ok && name && id != "" {
				ids = append(ids, id)
			}
			for key, inner := range v {
				if key != "tags" { // which may have any keys
					walk(inner)
				}
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	for _, body := range bodies {
		var v any
		if json.Unmarshal([]byte(body), &v) == nil {
			walk(v)
		}
	}
	return ids
}
