package iam

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// This file carries what decisions are made of into the audit, and back again for Explain (replay.go). What condition.go or gather comes to read of a session,
// a member, an organization or an endpoint has to be carried here too, or a past decision is explained without it: a test holds the structs to it.

// kept is the evidence of something immutable that many decisions share, made at the first of them.
type kept struct{ piece atomic.Pointer[audit.Piece] }

// The forms in which evidence is stored. Policies stand in them by the id of their text, so that what a thousand users share is stored once.
type (
	keptPolicy struct {
		Name string `json:"name"`
		ARN  string `json:"arn,omitempty"`
		Text string `json:"text"`
	}
	keptLevel struct {
		Target   string       `json:"target"`
		Policies []keptPolicy `json:"policies"`
	}
	keptMember struct {
		Account     string            `json:"account"`
		Name        string            `json:"name,omitempty"`
		Path        string            `json:"path,omitempty"`
		Identity    []keptPolicy      `json:"identity,omitempty"`
		Boundary    []keptPolicy      `json:"boundary,omitempty"`
		HasBoundary bool              `json:"hasBoundary,omitempty"`
		Root        []keptPolicy      `json:"root,omitempty"`
		Tags        map[string]string `json:"tags,omitempty"`
	}
	keptSession struct {
		ID             string            `json:"id"`
		Name           string            `json:"name,omitempty"`
		SourceIdentity string            `json:"sourceIdentity,omitempty"`
		Issued         time.Time         `json:"issued"`
		Expires        time.Time         `json:"expires"`
		Tags           map[string]string `json:"tags,omitempty"`
		Transitive     []string          `json:"transitive,omitempty"`
		Provider       string            `json:"provider,omitempty"`
		Claims         map[string]Claim  `json:"claims,omitempty"`
		Policies       []keptPolicy      `json:"policies,omitempty"`
		Limited        bool              `json:"limited,omitempty"`
		Exchanged      bool              `json:"exchanged,omitempty"`
	}
	keptMembership struct {
		Organization string      `json:"organization"`
		Management   string      `json:"management"`
		Paths        []string    `json:"paths"`
		SCP          []keptLevel `json:"scp,omitempty"`
		RCP          []keptLevel `json:"rcp,omitempty"`
	}
	keptEndpoint struct {
		ID       string       `json:"id"`
		VPC      string       `json:"vpc,omitempty"`
		Policies []keptPolicy `json:"policies,omitempty"`
		Limited  bool         `json:"limited,omitempty"`
	}
	keptResource struct {
		Policy     *keptPolicy       `json:"policy,omitempty"`
		Registry   *keptPolicy       `json:"registry,omitempty"`
		Tags       map[string]string `json:"tags,omitempty"`
		Trust      bool              `json:"trust,omitempty"`
		RegistryV1 bool              `json:"registryV1,omitempty"`
	}
)

// keeper gathers the texts that a piece refers to.
type keeper struct {
	d     *Directory
	texts []*audit.Piece
}

// text is the piece of a policy's document.
func (d *Directory) text(p *policy.Policy) *audit.Piece {
	if t, ok := d.texts.GetIfPresent(p); ok {
		return t
	}
	t := audit.NewPiece(string(p.Text()))
	d.texts.Set(p, t)
	return t
}

func (k *keeper) policies(list []policy.Attached) []keptPolicy {
	out := make([]keptPolicy, len(list))
	for i := range list {
		out[i] = keptPolicy{Name: list[i].Name, ARN: list[i].ARN}
		if list[i].Policy != nil {
			t := k.d.text(list[i].Policy)
			k.texts = append(k.texts, t)
			out[i].Text = t.ID()
		}
	}
	return out
}

func (k *keeper) one(a *policy.Attached) *keptPolicy {
	if a == nil {
		return nil
	}
	return &k.policies([]policy.Attached{*a})[0]
}

func (k *keeper) levels(list []policy.Level) []keptLevel {
	out := make([]keptLevel, len(list))
	for i := range list {
		out[i] = keptLevel{list[i].Target, k.policies(list[i].Policies)}
	}
	return out
}

func (k *keeper) piece(v any) *audit.Piece {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings and times always marshal
	}
	return audit.NewPiece(string(body), k.texts...)
}

func (d *Directory) memberPiece(m *member) *audit.Piece {
	if m == nil {
		return nil
	}
	p := m.evidence.piece.Load()
	if p == nil {
		k := keeper{d: d}
		p = k.piece(keptMember{m.account, m.name, m.path, k.policies(m.identity), k.policies(m.boundary), m.hasBoundary, k.policies(m.root), m.tags})
		m.evidence.piece.Store(p)
	}
	return p
}

func (d *Directory) sessionPiece(s *Session) *audit.Piece {
	if s == nil {
		return nil
	}
	p := s.evidence.piece.Load()
	if p == nil {
		k := keeper{d: d}
		p = k.piece(keptSession{s.ID, s.Name, s.SourceIdentity, s.Issued, s.Expires, s.Tags, s.Transitive, s.Provider, s.Claims, k.policies(s.policies), s.limited, s.exchanged})
		s.evidence.piece.Store(p)
	}
	return p
}

func (d *Directory) membershipPiece(m *Membership) *audit.Piece {
	if m == nil {
		return nil
	}
	p := m.evidence.piece.Load()
	if p == nil {
		k := keeper{d: d}
		p = k.piece(keptMembership{m.Organization, m.Management, m.Paths, k.levels(m.SCP), k.levels(m.RCP)})
		m.evidence.piece.Store(p)
	}
	return p
}

func (d *Directory) endpointPiece(e *Endpoint) *audit.Piece {
	if e == nil {
		return nil
	}
	p := e.evidence.piece.Load()
	if p == nil {
		k := keeper{d: d}
		p = k.piece(keptEndpoint{e.ID, e.VPC, k.policies(e.Policies), e.Limited})
		e.evidence.piece.Store(p)
	}
	return p
}

// resourcePiece is the evidence of a resource; nil of one on which nothing hangs.
func (d *Directory) resourcePiece(r *Resource) *audit.Piece {
	if r.evidence != nil || r.Policy == nil && r.Registry == nil && len(r.Tags) == 0 && !r.trust {
		return r.evidence
	}
	k := keeper{d: d}
	return k.piece(keptResource{k.one(r.Policy), k.one(r.Registry), r.Tags, r.trust, r.RegistryV1 && r.Registry != nil})
}

// Seal prepares a resource that many decisions share: its evidence is made once. Its Policy, Registry and Tags must not be changed afterwards, nor those of a copy.
func (d *Directory) Seal(r *Resource) { r.evidence = d.resourcePiece(r) }

// note puts the evidence of the decision that c has gathered into its record. It allocates nothing but at the first decision of its kind.
func (d *Directory) note(c *Call) {
	k, r := &c.keys, c.keys.resource
	e := &c.Audit.Evidence
	e.Principal, e.Secure, e.Referer = c.Principal, c.Secure, c.Referer
	e.RequestTags, e.TagKeys, e.Keys, e.Lists = r.RequestTags, r.TagKeys, r.Keys, r.lists
	e.ImageTag, e.ImageDigest = c.image.Tag, c.image.Digest
	e.Caller, e.Session, e.Resource = d.memberPiece(k.member), d.sessionPiece(c.Session), d.resourcePiece(r)
	e.Callers, e.Owners, e.Sources = d.membershipPiece(k.callers), d.membershipPiece(k.owners), d.membershipPiece(k.sources)
	e.Endpoint = d.endpointPiece(c.Endpoint)
	if s := c.Source; s != nil {
		e.SourceARN, e.SourceAccount = s.ARN, s.Account
	}
}
