package policy

// Request is one question: may this principal do this to that resource?
type Request struct {
	Principal *Principal
	// Action in canonical spelling, "ecr:BatchGetImage".
	Action string
	// Resource is an ARN, or "*" for an action without resource.
	Resource string
	// ResourceAccount owns the resource; "" means the caller's account.
	ResourceAccount string
	// Context may be nil: then every key is absent.
	Context Context
}

// sameAccount reports whether the resource belongs to the caller's account.
func (r *Request) sameAccount() bool {
	return r.ResourceAccount == "" || r.ResourceAccount == r.Principal.Account
}

// Attached is a policy under the name that reports show; ARN only for managed policies and those of Organizations.
type Attached struct {
	Name, ARN string
	Policy    *Policy
}

// Level is what is attached to one root, organizational unit or account.
type Level struct {
	Target   string
	Policies []Attached
}

// Set is every policy that has a say in a request (IAMP-3).
type Set struct {
	// Identity: inline, attached and the groups' policies of the user or role.
	Identity []Attached
	// Boundary counts if HasBoundary, even when it is empty.
	Boundary    []Attached
	HasBoundary bool
	// Session counts if HasSession, even when it is empty.
	Session    []Attached
	HasSession bool
	// Resource is the policy of the resource: of a repository, or the trust policy of a role; nil if it has none.
	Resource *Attached
	// Registry is the policy of the registry that holds the repository; its Allows and Denies count together with Resource's.
	Registry *Attached
	// RegistryV1: the registry's policy is of the scope V1 and speaks only of the three actions that make repositories and images from elsewhere (IAMP-4.4).
	RegistryV1 bool
	// SCP of the caller's account and RCP of the resource's account, outermost first. No level means that the account is in no
	// organization, or is its management account, or that the type is not enabled.
	SCP, RCP []Level
	// Endpoint counts if HasEndpoint.
	Endpoint    []Attached
	HasEndpoint bool
	// Trust: Resource is the trust policy of the role that the request wants to assume.
	Trust bool
}

// Layer names a kind of policy in decisions and reports.
type Layer string

// The layers of a decision.
const (
	LayerSCP      Layer = "scp"
	LayerRCP      Layer = "rcp"
	LayerResource Layer = "resource"
	LayerRegistry Layer = "registry"
	LayerTrust    Layer = "trust"
	LayerIdentity Layer = "identity"
	LayerBoundary Layer = "boundary"
	LayerSession  Layer = "session"
	LayerEndpoint Layer = "endpoint"
)

// Decision is the answer to a Request.
type Decision struct {
	Allowed bool
	// Explicit: a statement denies it.
	Explicit bool
	// Layer decided: allowed, the one that granted; denied, the one that Message names.
	Layer Layer
	// Policy, PolicyARN, Statement and Sid name the statement that decided. Statement counts from 0 and is -1 if there is none: nothing
	// allowed, or nothing needed to.
	Policy, PolicyARN string
	Statement         int
	Sid               string
	// Caller is, of what both sides had to allow (IAMP-3 step 4), the statement of the caller's own policies; without it Policy is "".
	Caller Ground
}

// Ground names the statement of a policy that had a part in a decision.
type Ground struct {
	Policy, PolicyARN string
	Statement         int // counts from 0
	Sid               string
}

type layerKind uint8

const (
	identityLayer layerKind = iota
	boundaryLayer
	sessionLayer
	resourceLayer
	registryLayer
	endpointLayer
	scpLayer
	rcpLayer
)

// withPrincipal reports whether statements of the layer name principals.
func (l layerKind) withPrincipal() bool { return l >= resourceLayer && l != scpLayer }

// evaluation is the state of one decision; it lives on the stack.
type evaluation struct {
	request *Request
	set     *Set
	colon   int // where the action's service ends
	target  target
}

func newEvaluation(r *Request, s *Set) evaluation {
	e := evaluation{request: r, set: s, colon: -1, target: newTarget(r.Resource)}
	for i := range len(r.Action) {
		if r.Action[i] == ':' {
			e.colon = i
			break
		}
	}
	return e
}

// hit is the first statement of a kind in a layer.
type hit struct {
	policy *Attached
	index  int
	class  class
}

func (h *hit) found() bool { return h.policy != nil }

// Evaluate decides r by s (IAMP-3). It allocates nothing. A Principal must be given.
func Evaluate(r *Request, s *Set) Decision {
	e := newEvaluation(r, s)
	d, _ := e.decide()
	return d
}

// decide also returns the policy that holds the statement that decided, nil if there is none.
func (e *evaluation) decide() (Decision, *Attached) {
	r, s := e.request, e.set
	p := r.Principal
	if p.Type != Anonymous && equalFoldASCII(r.Action, "sts:GetCallerIdentity") {
		return Decision{Allowed: true, Layer: LayerIdentity, Statement: -1}, nil // step 0: whatever any policy says
	}

	// Step 1 in the order in which a refusal names layers (IAMP-5): the first explicit deny decides.
	scp := applicable(e.scpBinds(), s.SCP)
	scpMissing, h := e.levels(scp, scpLayer)
	if h.found() {
		return denied(LayerSCP, &h)
	}
	rcp := applicable(e.rcpBinds(), s.RCP)
	rcpMissing, h := e.levels(rcp, rcpLayer)
	if h.found() {
		return denied(LayerRCP, &h)
	}
	var resource, registry, identity, boundary, session, endpoint hit
	resourceName := LayerResource
	if s.Trust {
		resourceName = LayerTrust
	}
	recovering := e.recovering()
	if s.Resource != nil && e.resourcePolicyApplies() {
		if resource, h = e.scanOne(s.Resource, resourceLayer); h.found() && !recovering {
			return denied(resourceName, &h)
		}
	}
	if s.Registry != nil && e.registryPolicyApplies() {
		if registry, h = e.scanOne(s.Registry, registryLayer); h.found() && !recovering {
			return denied(LayerRegistry, &h)
		}
	}
	signedBy := p.Type <= FederatedUser // has an identity side
	if signedBy {
		if identity, h = e.scan(s.Identity, identityLayer); h.found() {
			return denied(LayerIdentity, &h)
		}
		if s.HasBoundary {
			if boundary, h = e.scan(s.Boundary, boundaryLayer); h.found() {
				return denied(LayerBoundary, &h)
			}
		}
		if s.HasSession {
			if session, h = e.scan(s.Session, sessionLayer); h.found() {
				return denied(LayerSession, &h)
			}
		}
	}
	if s.HasEndpoint {
		if endpoint, h = e.scan(s.Endpoint, endpointLayer); h.found() {
			return denied(LayerEndpoint, &h)
		}
	}

	// Steps 2 and 3: the gates of both organizations, and of the endpoint below, must each let it pass.
	if scpMissing {
		return refused(LayerSCP), nil
	}
	if rcpMissing {
		return refused(LayerRCP), nil
	}
	g := grant{
		identity: identity.found() || p.Type == Root || needsNoAllow(r.Action),
		boundary: !s.HasBoundary || p.Type == Root || boundary.found() || needsNoAllow(r.Action),
		session:  !s.HasSession || session.found(),
		res:      max(resource.class, registry.class),
		resource: resourceName,
	}
	layer := g.decide(r, s)
	if g.denied != "" {
		return refused(g.denied), nil
	}
	if s.HasEndpoint && !endpoint.found() {
		return refused(LayerEndpoint), nil
	}
	if layer == LayerIdentity {
		return allowed(LayerIdentity, &identity)
	}
	name, granting := resourceName, &resource
	if registry.class > resource.class {
		name, granting = LayerRegistry, &registry
	}
	d, a := allowed(name, granting)
	if signedBy && identity.found() && (!r.sameAccount() || s.Trust && resource.class != direct) {
		d.Caller = Ground{identity.policy.Name, identity.policy.ARN, identity.index, identity.policy.Policy.statements[identity.index].sid}
	}
	return d, a
}

// grant is step 4 of IAMP-3: what each side says, once no statement denies.
type grant struct {
	identity, boundary, session bool
	res                         class
	resource                    Layer // LayerResource, or LayerTrust

	denied Layer // the layer that lacks an Allow; "" if the request is granted
}

// decide returns the layer that grants, or sets denied.
func (g *grant) decide(r *Request, s *Set) Layer {
	p := r.Principal
	switch p.Type {
	case Service, Anonymous, WebIdentity:
		if g.res != direct {
			g.denied = g.resource
		}
		return g.resource
	}
	if s.Trust && p.Type == Root {
		g.denied = LayerTrust // the root user may not assume roles
		return ""
	}
	if !r.sameAccount() || s.Trust {
		if g.res == unnamed {
			g.denied = g.resource
			return ""
		}
	}
	if r.sameAccount() {
		switch g.res {
		case direct:
			// An implicit deny of identity, boundary or session policy does not matter.
			if !s.Trust && g.identity && g.boundary && g.session && (s.HasSession || p.Type != FederatedUser) {
				return LayerIdentity
			}
			return g.resource
		case viaRole:
			// Identity policies may be silent, boundary and session policy may not.
			switch {
			case !g.boundary:
				g.denied = LayerBoundary
			case !g.session:
				g.denied = LayerSession
			}
			return g.resource
		}
	}
	switch {
	case !g.identity:
		g.denied = LayerIdentity
	case !g.boundary:
		g.denied = LayerBoundary
	case !g.session || p.Type == FederatedUser && !s.HasSession:
		g.denied = LayerSession // GetFederationToken without session policy has no permission of its own
	}
	if !r.sameAccount() || s.Trust {
		return g.resource
	}
	return LayerIdentity
}

func denied(layer Layer, h *hit) (Decision, *Attached) {
	d, a := allowed(layer, h)
	d.Allowed, d.Explicit = false, true
	return d, a
}

func refused(layer Layer) Decision { return Decision{Layer: layer, Statement: -1} }

func allowed(layer Layer, h *hit) (Decision, *Attached) {
	d := Decision{Allowed: true, Layer: layer, Statement: -1}
	if h.policy != nil {
		d.Policy, d.PolicyARN, d.Statement, d.Sid = h.policy.Name, h.policy.ARN, h.index, h.policy.Policy.statements[h.index].sid
	}
	return d, h.policy
}

// needsNoAllow: explicit denies count, but nothing must allow it (IAMP-3 step 0).
func needsNoAllow(action string) bool { return equalFoldASCII(action, "sts:GetSessionToken") }

func applicable(binds bool, levels []Level) []Level {
	if binds {
		return levels
	}
	return nil
}

// scpBinds: SCPs bind users, roles and root of member accounts, not service-linked roles, services and strangers (IAMP-3 step 2).
func (e *evaluation) scpBinds() bool {
	p := e.request.Principal
	return p.Type <= FederatedUser && !p.ServiceLinked
}

// rcpBinds: RCPs bind every caller but service-linked roles, on services that take part in RCPs (IAMP-3 step 3).
func (e *evaluation) rcpBinds() bool {
	return !e.request.Principal.ServiceLinked && e.colon > 0 && supportsRCP(e.request.Action[:e.colon])
}

// supportsRCP reports whether resources of the service are subject to resource control policies.
func supportsRCP(service string) bool {
	switch service {
	case "ecr", "sts", "kms", "secretsmanager", "s3", "sqs", "dynamodb", "logs", "events", "ecr-public",
		"aoss", "appconfig", "appstream", "autoscaling", "autoscaling-plans", "budgets", "clouddirectory", "cloudfront",
		"cloudsearch", "cloudtrail-data", "codeartifact", "codebuild", "codecommit", "codepipeline", "cognito-identity",
		"cognito-idp", "comprehend", "comprehendmedical", "compute-optimizer", "cost-optimization-hub", "dax", "dsql",
		"firehose", "fis", "fms", "gamelift", "health", "inspector-scan", "kendra", "kinesisvideo", "memorydb",
		"networkmonitor", "notifications", "opensearch", "pca-connector-ad", "personalize", "polly", "pricing",
		"resource-groups", "rolesanywhere", "servicediscovery", "signin", "support", "swf", "textract",
		"timestream-influxdb", "transcribe", "transfer", "translate", "wafv2", "workspaces", "xray":
		return true
	}
	return false
}

// recovering: the root user of the owning account may always read, replace and remove a repository policy and the registry's, so that neither
// locks everybody out for good (IAMP-4.3, H84). This is berth's own: AWS documents no such way out for ECR.
func (e *evaluation) recovering() bool {
	r := e.request
	if r.Principal.Type != Root || !r.sameAccount() {
		return false
	}
	switch r.Action {
	case "ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy",
		"ecr:GetRegistryPolicy", "ecr:PutRegistryPolicy", "ecr:DeleteRegistryPolicy":
		return true
	}
	return false
}

// resourcePolicyApplies: an ECR action without resource cannot be granted or denied by the policy of some repository, and a registry
// password by no resource policy at all, though guides write it there (IAMP-4.3, IAM-21).
func (e *evaluation) resourcePolicyApplies() bool {
	return e.target.arn || e.colon != 3 || !equalFoldASCII(e.request.Action[:3], "ecr")
}

// registryPolicyApplies: a registry password is granted by no resource policy, and the scope V1 is of actionsV1 only (IAMP-4.4).
func (e *evaluation) registryPolicyApplies() bool {
	if e.set.RegistryV1 {
		for _, name := range actionsV1() {
			if e.colon == 3 && equalFoldASCII(e.request.Action[:3], "ecr") && equalFoldASCII(e.request.Action[4:], name) {
				return true
			}
		}
		return false
	}
	return !equalFoldASCII(e.request.Action, "ecr:GetAuthorizationToken")
}

// actionsV1 are those of ECR of which a registry policy speaks in the scope V1 (IAMP-4.4).
func actionsV1() [3]string {
	return [...]string{"ReplicateImage", "BatchImportUpstreamImage", "CreateRepository"}
}

// levels looks through all levels: the first deny, or whether some level allows nothing.
func (e *evaluation) levels(levels []Level, layer layerKind) (missing bool, deny hit) {
	for i := range levels {
		allow, deny := e.scan(levels[i].Policies, layer)
		if deny.found() {
			return false, deny
		}
		missing = missing || !allow.found()
	}
	return missing, hit{}
}

func (e *evaluation) scanOne(a *Attached, layer layerKind) (allows, denies hit) {
	e.scanInto(a, layer, &allows, &denies)
	return allows, denies
}

func (e *evaluation) scan(policies []Attached, layer layerKind) (allows, denies hit) {
	for i := range policies {
		if e.scanInto(&policies[i], layer, &allows, &denies); denies.found() {
			break
		}
	}
	return allows, denies
}

// scanInto finds the first statement of a that denies, and the Allow that names the caller best.
func (e *evaluation) scanInto(a *Attached, layer layerKind, allows, denies *hit) {
	if a.Policy == nil {
		return
	}
	for i := range a.Policy.statements {
		s := &a.Policy.statements[i]
		if s.effect == noEffect || s.effect == allow && allows.class == direct {
			continue
		}
		class := e.applies(s, layer)
		if class == unnamed {
			continue
		}
		if s.effect == deny {
			*denies = hit{a, i, class}
			return
		}
		if class > allows.class {
			*allows = hit{a, i, class}
		}
	}
}

// applies returns how a statement names the caller, unnamed if it does not apply to the request (IAMP-2). In layers without principals
// every statement that applies is direct.
func (e *evaluation) applies(s *statement, layer layerKind) class {
	if !e.actionMatches(s) || !e.resourceMatches(s, layer) {
		return unnamed
	}
	class := direct
	if layer.withPrincipal() {
		if class = s.principalClass(e.request.Principal, layer, e.set.HasBoundary); class == unnamed {
			return unnamed
		}
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(e.request.Context) {
			return unnamed
		}
	}
	return class
}

func (e *evaluation) actionMatches(s *statement) bool {
	if !s.hasAction {
		return false
	}
	for i := range s.actions {
		if s.actions[i].matches(e.request.Action, e.colon) {
			return !s.notActions
		}
	}
	return s.notActions
}

func (e *evaluation) resourceMatches(s *statement, layer layerKind) bool {
	if !s.hasResource {
		return layer == resourceLayer // implicitly the object that the policy hangs on
	}
	for i := range s.resources {
		switch f, _ := s.resources[i].covers(&e.target, layer, e.request.Context); f {
		case fits:
			return !s.notResources
		case unresolved:
			if s.notResources {
				return false
			}
		}
	}
	return s.notResources
}
