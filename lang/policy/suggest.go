package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// What a Change does.
const (
	ChangeFulfil  = "fulfil_condition" // the request comes with other values; no policy changes
	ChangeExtend  = "extend_statement" // an Allow gets one more action, resource, principal or value
	ChangeAdd     = "add_statement"    // a new Allow, in a policy that is there or in a new one
	ChangeNarrow  = "narrow_statement" // a Deny no longer meets the request
	ChangeRemove  = "remove_deny"      // a Deny goes
	ChangeDetach  = "detach_policy"    // a policy goes that consists of the Deny, or that nobody can edit
	ChangeControl = "attach_policy"    // RCPFullAWSAccess comes back where it is missing
)

// Change is one step towards allowing a request that is refused (IAMP-8). It encodes as JSON.
type Change struct {
	// Kind is one of the Change constants.
	Kind string `json:"kind"`
	// Layer says whose policy it is, Target which root, organizational unit or account, for SCP and RCP.
	Layer  Layer  `json:"layer"`
	Target string `json:"target,omitempty"`
	// Policy and PolicyARN name the policy that is changed, or holds the statement to be met; both are empty if a new one is needed.
	Policy    string `json:"policy,omitempty"`
	PolicyARN string `json:"policyArn,omitempty"`
	// Statement counts from 0; -1 for a new one.
	Statement int    `json:"statement"`
	Sid       string `json:"sid,omitempty"`
	// Text is a sentence for people.
	Text string `json:"text"`
	// Conditions are those that the request should meet, or of a Deny those that it should not: what they want, and what it has.
	Conditions []ConditionResult `json:"conditions,omitempty"`
	// Add is the new statement of ChangeAdd and ChangeControl.
	Add json.RawMessage `json:"add,omitempty"`
	// Document is the whole policy as it is to be, byte for byte the old one but for the change; nil if none changes.
	Document json.RawMessage `json:"document,omitempty"`

	values map[string]Value // with which the conditions are as they should be
}

// maxChanges bounds the search: each step reads a document again. Nobody makes so many changes for one request.
const maxChanges = 32

// Suggest returns the smallest changes that together would allow a request that is refused, on the sides that lack something, in the order in which
// refusals would name them: each step is tried, and the request is decided again, until it is allowed.
//
// A statement that would allow or not deny it under other conditions asks for those; else the nearest Allow is extended by the one element that it lacks;
// else the request gets an Allow of its own, which names no more than the caller, the action and the resource. Policies of AWS are not changed.
//
// It is nil if r is allowed, and if no change helps: nobody is advised to open a resource to anonymous callers, the root user assumes no role, and a
// registry password or an action of IAM is not given across accounts. Like Explain it is for people who ask.
func Suggest(r *Request, s *Set) []Change {
	a := adviser{request: *r, set: s.clone(), overlay: overlay{base: r.Context, values: map[string]Value{}}}
	a.request.Context = &a.overlay
	for range maxChanges {
		e := newEvaluation(&a.request, &a.set)
		d, at := e.decide()
		switch {
		case d.Allowed:
			return a.changes
		case d.Explicit:
			a.lift(&e, &d, at)
		case !a.grant(&e, d.Layer):
			return nil
		}
	}
	return nil
}

// adviser tries changes on a set and a context of its own.
type adviser struct {
	request Request
	set     Set
	overlay overlay
	changes []Change
}

// clone copies a set so far that its policies can be replaced.
func (s *Set) clone() Set {
	c := *s
	c.Identity, c.Boundary, c.Session, c.Endpoint = slices.Clone(s.Identity), slices.Clone(s.Boundary), slices.Clone(s.Session), slices.Clone(s.Endpoint)
	c.SCP, c.RCP = slices.Clone(s.SCP), slices.Clone(s.RCP)
	for _, levels := range [][]Level{c.SCP, c.RCP} {
		for i := range levels {
			levels[i].Policies = slices.Clone(levels[i].Policies)
		}
	}
	if s.Resource != nil {
		resource := *s.Resource
		c.Resource = &resource
	}
	if s.Registry != nil {
		registry := *s.Registry
		c.Registry = &registry
	}
	return c
}

// each calls f with every policy of the set and its place, until f answers false.
func (s *Set) each(f func(place, *Attached) bool) {
	list := func(where place, policies []Attached) bool {
		for i := range policies {
			if !f(where, &policies[i]) {
				return false
			}
		}
		return true
	}
	one := func(where place, a *Attached) bool { return a == nil || f(where, a) }
	for i := range s.SCP {
		if !list(place{LayerSCP, scpLayer, s.SCP[i].Target}, s.SCP[i].Policies) {
			return
		}
	}
	for i := range s.RCP {
		if !list(place{LayerRCP, rcpLayer, s.RCP[i].Target}, s.RCP[i].Policies) {
			return
		}
	}
	_ = one(place{s.resourceLayer(), resourceLayer, ""}, s.Resource) && one(place{LayerRegistry, registryLayer, ""}, s.Registry) &&
		list(place{LayerIdentity, identityLayer, ""}, s.Identity) && list(place{LayerBoundary, boundaryLayer, ""}, s.Boundary) &&
		list(place{LayerSession, sessionLayer, ""}, s.Session) && list(place{LayerEndpoint, endpointLayer, ""}, s.Endpoint)
}

// resourceLayer is what the layer of the resource's policy is called.
func (s *Set) resourceLayer() Layer {
	if s.Trust {
		return LayerTrust
	}
	return LayerResource
}

// place is where in a set a policy stands.
type place struct {
	layer  Layer
	kind   layerKind
	target string
}

// call words a policy: the service control policy "guard" of ou-1.
func (p place) call(a *Attached) string {
	text := "the " + p.layer.Noun()
	if a.Name != "" {
		text += " " + quoted(a.Name)
	}
	if p.target != "" {
		text += " of " + p.target
	}
	return text
}

// editable: the policies of AWS itself are not.
func (a *Attached) editable() bool {
	_, path, ok := strings.Cut(a.ARN, "::")
	return a.Policy != nil && !(ok && strings.HasPrefix(path, "aws:policy/"))
}

// describe fills in which statement a change is about.
func (c *Change) describe(where place, a *Attached, index int) {
	c.Layer, c.Target, c.Policy, c.PolicyARN, c.Statement, c.Sid = where.layer, where.target, a.Name, a.ARN, index, a.Policy.statements[index].sid
}

// statement words it: statement 0 ("NoPull") of the service control policy "guard" of ou-1.
func (c *Change) statement(where place, a *Attached) string {
	text := "statement " + itoa(c.Statement)
	if c.Sid != "" {
		text += " (" + quoted(c.Sid) + ")"
	}
	return text + " of " + where.call(a)
}

// edit replaces a policy by what it becomes, everywhere it is attached, and notes the change. It reports whether that is a policy still.
func (a *adviser) edit(c Change, at *Attached, r replacement) bool {
	text := r.apply(at.Policy.source)
	changed, err := Parse([]byte(text))
	if err != nil {
		return false
	}
	c.Document = json.RawMessage(text)
	arn := at.ARN
	at.Policy = changed
	if arn != "" {
		a.set.each(func(_ place, other *Attached) bool {
			if other.ARN == arn {
				other.Policy = changed
			}
			return true
		})
	}
	a.changes = append(a.changes, c)
	return true
}
