package iam

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// Resource is what a caller wants to act on, with everything of it that policies can ask about.
type Resource struct {
	// ARN is "*" for actions without resource.
	ARN string
	// Account owns the resource; "" is the caller's.
	Account string
	// Policy and Registry are the resource-based policies that hang on it.
	Policy, Registry *policy.Attached
	// RegistryV1 says that Registry is of the scope V1: see policy.Set.
	RegistryV1 bool
	// Tags are the resource's own: aws:ResourceTag/…, ecr:ResourceTag/….
	Tags map[string]string
	// RequestTags are those that the request brings: aws:RequestTag/…; aws:TagKeys follows.
	RequestTags map[string]string
	// TagKeys are the keys that the request takes away: aws:TagKeys.
	TagKeys []string
	// Keys are further condition keys with one value, in lower case: "ecr:accountsetting".
	Keys map[string]string

	lists map[string][]string // further condition keys with many values
	trust bool                // Policy is the trust policy of a role

	evidence *audit.Piece // of Policy, Registry and Tags: see Seal
}

// Authorize decides whether the caller of ctx may do action on r, and notes the decision in the call's audit record, with what Explain will need. It answers
// nil, or fault AccessDenied with the text of IAMP-5, the request's id behind it, and a *policy.Decision as Detail; UnknownCredentials when the caller was
// deleted meanwhile. A decision that allows costs no allocation, if r is sealed or has neither policy nor tags.
func (d *Directory) Authorize(ctx context.Context, action string, r *Resource) error {
	c := From(ctx)
	c.describe(action, r)
	decision, err := d.decide(ctx, c, action, r)
	if err != nil {
		if f := fault.As(err); f != nil {
			c.Audit.Decision, c.Audit.Error = "Deny", string(f.Code)
		}
		return err
	}
	a := &c.Audit
	d.note(c)
	a.Layer = string(decision.Layer)
	a.Policy, a.Statement = cmp.Or(decision.PolicyARN, decision.Policy), cmp.Or(decision.Sid, statementName(decision.Statement))
	a.CallerPolicy, a.CallerStatement = "", ""
	if g := &decision.Caller; g.Policy != "" {
		a.CallerPolicy, a.CallerStatement = cmp.Or(g.PolicyARN, g.Policy), cmp.Or(g.Sid, statementName(g.Statement))
	}
	if decision.Allowed {
		a.Decision, a.Error = "Allow", ""
		return nil
	}
	a.Decision, a.Error = "Deny", string(fault.AccessDenied)
	why := decision // a copy of its own, so that an allowed decision stays on the stack
	return c.deny(why.Message(&c.request), &why)
}

// AuthorizeUnlessDenied is Authorize for what needs no Allow, but heeds a Deny. rule is why it needs none, for the audit; allowed tells whether there was an
// Allow nevertheless.
func (d *Directory) AuthorizeUnlessDenied(ctx context.Context, action string, r *Resource, rule string) (allowed bool, err error) {
	err = d.Authorize(ctx, action, r)
	if why := DecisionOf(err); why == nil || why.Explicit {
		return err == nil, err
	}
	a := &From(ctx).Audit
	a.Decision, a.Error, a.Layer, a.Policy, a.Statement, a.Rule = "Allow", "", "", "", "", rule
	return false, nil
}

// DecisionOf is the decision that refused, for err of Authorize; nil if err is none.
func DecisionOf(err error) *policy.Decision {
	if f := fault.As(err); f != nil && f.Code == fault.AccessDenied {
		why, _ := f.Detail.(*policy.Decision)
		return why
	}
	return nil
}

// May is Authorize without a trace: for questions such as "could the caller still change this policy" (API-45).
func (d *Directory) May(ctx context.Context, action string, r *Resource) bool {
	c := *From(ctx) // the real call's notes and scratch stay as they are
	decision, err := d.decide(ctx, &c, action, r)
	return err == nil && decision.Allowed
}

// decide gathers every policy that has a say and asks the engine.
func (d *Directory) decide(ctx context.Context, c *Call, action string, r *Resource) (policy.Decision, error) {
	if c.Principal == nil {
		return policy.Decision{}, errNobody()
	}
	var m *member
	if c.Principal.ID != "" {
		var err error
		if m, err = d.member(ctx, c.Principal); err != nil {
			return policy.Decision{}, err
		}
	}
	d.noteUse(c, action)
	callers, owners, err := d.memberships(ctx, c.Principal.Account, r.Account)
	if err != nil {
		return policy.Decision{}, err
	}
	var sources *Membership
	if c.Source != nil {
		if sources, err = d.memberOf(ctx, c.Source.Account); err != nil {
			return policy.Decision{}, err
		}
	}
	c.gather(action, conditionKeys{call: c, member: m, resource: r, callers: callers, owners: owners, sources: sources})
	if r.Account != "" && r.Account != c.Principal.Account {
		if err := d.serves(ctx, c, r.Account); err != nil {
			return policy.Decision{}, err
		}
	}
	return c.judge(), nil
}

// judge decides what was gathered.
func (c *Call) judge() policy.Decision {
	if settled, ok := c.settled(c.request.Action); ok {
		return settled
	}
	return policy.Evaluate(&c.request, &c.set)
}

// gather puts together the request and the policies that have a say in it.
func (c *Call) gather(action string, k conditionKeys) {
	c.keys = k
	m, r := k.member, k.resource
	c.request = policy.Request{Principal: c.Principal, Action: action, Resource: r.ARN, ResourceAccount: r.Account, Context: &c.keys}
	c.set = policy.Set{Resource: r.Policy, Registry: r.Registry, RegistryV1: r.RegistryV1, Trust: r.trust}
	if m != nil {
		c.set.Identity, c.set.Boundary, c.set.HasBoundary = m.identity, m.boundary, m.hasBoundary
		if c.Principal.Type == policy.FederatedUser && m.root != nil {
			c.set.Identity = m.root
		}
	}
	if s := c.Session; s != nil {
		c.set.Session, c.set.HasSession = s.policies, s.limited
	}
	if k.callers != nil {
		c.set.SCP = k.callers.SCP
	}
	if k.owners != nil {
		c.set.RCP = k.owners.RCP
	}
	if e := c.Endpoint; e != nil {
		c.set.Endpoint, c.set.HasEndpoint = e.Policies, e.Limited
	}
}

// settled decides what no policy has a say in. A federated user may call nothing of IAM, and of STS only GetCallerIdentity; a session that a user's or root
// user's key was exchanged for (GetSessionToken) may call nothing of IAM: without a second factor nobody makes something lasting out of what is to pass (STS-9).
// A service may ask for a registry password: it has no identity policies that could say so, and the password opens only what resource-based policies give to it.
func (c *Call) settled(action string) (policy.Decision, bool) {
	refusal := policy.Decision{Explicit: true, Layer: policy.LayerSession, Statement: -1}
	switch {
	case c.Principal.Type == policy.FederatedUser:
		refusal.Policy = rulesOfFederatedUsers
		return refusal, strings.HasPrefix(action, "iam:") || strings.HasPrefix(action, "sts:") && action != "sts:GetCallerIdentity"
	case c.Session != nil && c.Session.exchanged:
		refusal.Policy = rulesOfSessions
		return refusal, strings.HasPrefix(action, "iam:")
	case c.Principal.Type == policy.Service && action == "ecr:GetAuthorizationToken":
		return policy.Decision{Allowed: true, Layer: policy.LayerIdentity, Policy: "rules of services", Statement: -1}, true
	}
	return policy.Decision{}, false
}

// What settled names as the policy that decides.
const (
	rulesOfFederatedUsers = "rules of federated users"
	rulesOfSessions       = "rules of sessions without a second factor"
)

// memberships are the organizations of the caller's account and of the resource's owner; "" as owner is the caller itself.
func (d *Directory) memberships(ctx context.Context, caller, owner string) (callers, owners *Membership, err error) {
	if callers, err = d.memberOf(ctx, caller); err != nil || owner == "" || owner == caller {
		return callers, callers, err
	}
	owners, err = d.memberOf(ctx, owner)
	return callers, owners, err
}

// describe notes who asks for what.
func (c *Call) describe(action string, r *Resource) {
	c.Describe()
	a := &c.Audit
	a.Action, a.Resource, a.Owner = action, r.ARN, r.Account
	a.Layer, a.Policy, a.Statement, a.Rule, a.Evidence = "", "", "", "", audit.Evidence{}
	if c.Principal != nil && a.Owner == "" {
		a.Owner = c.Principal.Account
	}
}

// Describe notes in the audit record who calls, when and from where.
func (c *Call) Describe() {
	a := &c.Audit
	a.Time, a.RequestID, a.AccessKeyID, a.Region, a.UserAgent = c.Time, c.RequestID, c.AccessKeyID, c.Region, c.UserAgent
	a.SourceIP = c.sourceIP()
	if p := c.Principal; p != nil {
		a.Principal, a.Account = p.ARN, p.Account
	}
}

// statementName is the number of a statement as the audit shows it; "" for none.
func statementName(n int) string {
	const first = "#0#1#2#3#4#5#6#7#8#9"
	switch {
	case n < 0:
		return ""
	case n < 10:
		return first[2*n : 2*n+2]
	}
	return "#" + strconv.Itoa(n)
}
