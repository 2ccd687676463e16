package policy

// Blockers returns the layers that stand in the way of a request that the others grant: take these layers away, and it is allowed. A layer
// stands in the way when a statement of it denies, and a guard-rail (SCP, RCP, endpoint policy, boundary) also when nothing in it allows. A
// layer that denies grants nothing by its own Allows.
//
// It is empty if the request is allowed, and if no identity, session or resource policy grants it, whatever denies it besides: then there is
// nothing to unblock, the Decision's Layer says what is missing, and Explain lists every deny. Like Explain it is for people who ask.
func Blockers(r *Request, s *Set) []Layer {
	if Evaluate(r, s).Allowed {
		return nil
	}
	e := newEvaluation(r, s)
	p := r.Principal
	name := LayerResource
	if s.Trust {
		name = LayerTrust
	}
	var resource, registry, identity, boundary, session, endpoint voice
	if s.Resource != nil && e.resourcePolicyApplies() {
		resource = e.hear([]Attached{*s.Resource}, resourceLayer)
	}
	if s.Registry != nil && e.registryPolicyApplies() {
		registry = e.hear([]Attached{*s.Registry}, registryLayer)
	}
	if e.recovering() {
		resource.denies, registry.denies = false, false
	}
	if p.Type <= FederatedUser {
		identity = e.hear(s.Identity, identityLayer)
		if s.HasBoundary {
			boundary = e.hear(s.Boundary, boundaryLayer)
		}
		if s.HasSession {
			session = e.hear(s.Session, sessionLayer)
		}
	}
	g := grant{
		identity: !identity.denies && (identity.allows != unnamed || p.Type == Root || needsNoAllow(r.Action)),
		boundary: true, session: !s.HasSession || session.allows != unnamed,
		res: max(resource.allows, registry.allows), resource: name,
	}
	if g.decide(r, s); g.denied != "" {
		return nil
	}
	bounded := g
	bounded.boundary = !s.HasBoundary || p.Type == Root || boundary.allows != unnamed || needsNoAllow(r.Action)
	bounded.decide(r, s)

	scpMissing, scpDeny := e.levels(applicable(e.scpBinds(), s.SCP), scpLayer)
	rcpMissing, rcpDeny := e.levels(applicable(e.rcpBinds(), s.RCP), rcpLayer)
	if s.HasEndpoint {
		endpoint = e.hear(s.Endpoint, endpointLayer)
	}
	var out []Layer
	for _, l := range []struct {
		layer  Layer
		blocks bool
	}{
		{LayerSCP, scpMissing || scpDeny.found()},
		{LayerRCP, rcpMissing || rcpDeny.found()},
		{LayerEndpoint, s.HasEndpoint && endpoint.allows == unnamed},
		{LayerBoundary, boundary.denies || bounded.denied == LayerBoundary},
		{LayerSession, session.denies},
		{LayerIdentity, identity.denies},
		{name, resource.denies},
		{LayerRegistry, registry.denies},
	} {
		if l.blocks {
			out = append(out, l.layer)
		}
	}
	return out
}

// voice is what one layer says: how its best Allow names the caller, or that it denies.
type voice struct {
	allows class
	denies bool
}

func (e *evaluation) hear(policies []Attached, layer layerKind) voice {
	allows, denies := e.scan(policies, layer)
	if denies.found() {
		return voice{denies: true}
	}
	return voice{allows: allows.class}
}
