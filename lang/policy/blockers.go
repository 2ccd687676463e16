package policy

// Blockers returns the layers that stand in the way of a request that is granted otherwise: those that deny it explicitly, and the
// guard-rails (SCP, RCP, endpoint policy, boundary) that do not let it pass. It is empty if the request is allowed, and if nothing grants it:
// then the Decision's Layer says what is missing. Like Explain it is for people who ask, and allocates.
func Blockers(r *Request, s *Set) []Layer {
	if Evaluate(r, s).Allowed {
		return nil
	}
	e := newEvaluation(r, s)
	e.allowsOnly = true
	p := r.Principal
	name := LayerResource
	if s.Trust {
		name = LayerTrust
	}
	identity, _ := e.scan(s.Identity, identityLayer)
	session, _ := e.scan(s.Session, sessionLayer)
	boundary, _ := e.scan(s.Boundary, boundaryLayer)
	g := grant{
		identity: identity.found() || p.Type == Root || needsNoAllow(r.Action), boundary: true, session: !s.HasSession || session.found(), resource: name,
	}
	for _, policy := range []struct {
		attached *Attached
		kind     layerKind
		applies  bool
	}{{s.Resource, resourceLayer, e.resourcePolicyApplies()}, {s.Registry, registryLayer, e.registryPolicyApplies()}} {
		if policy.attached != nil && policy.applies {
			allows, _ := e.scanOne(policy.attached, policy.kind)
			g.res = max(g.res, allows.class)
		}
	}
	if g.decide(r, s); g.denied != "" {
		return nil
	}
	bounded := g
	bounded.boundary = !s.HasBoundary || p.Type == Root || boundary.found()
	bounded.decide(r, s)

	e.allowsOnly = false
	var out []Layer
	add := func(layer Layer, blocks bool) {
		if blocks {
			out = append(out, layer)
		}
	}
	denies := func(policies []Attached, kind layerKind) bool {
		_, h := e.scan(policies, kind)
		return h.found()
	}
	missing, h := e.levels(applicable(e.scpBinds(), s.SCP), scpLayer)
	add(LayerSCP, missing || h.found())
	missing, h = e.levels(applicable(e.rcpBinds(), s.RCP), rcpLayer)
	add(LayerRCP, missing || h.found())
	if s.HasEndpoint {
		allows, h := e.scan(s.Endpoint, endpointLayer)
		add(LayerEndpoint, h.found() || !allows.found())
	}
	if p.Type <= FederatedUser {
		add(LayerBoundary, bounded.denied == LayerBoundary || s.HasBoundary && denies(s.Boundary, boundaryLayer))
		add(LayerSession, s.HasSession && denies(s.Session, sessionLayer))
		add(LayerIdentity, denies(s.Identity, identityLayer))
	}
	if s.Resource != nil && e.resourcePolicyApplies() {
		add(name, denies([]Attached{*s.Resource}, resourceLayer))
	}
	if s.Registry != nil && e.registryPolicyApplies() {
		add(LayerRegistry, denies([]Attached{*s.Registry}, registryLayer))
	}
	return out
}
