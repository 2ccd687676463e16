package iam

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Simulation asks what policies would let somebody do, without doing it (IAM-9).
type Simulation struct {
	// SourceARN is the user, group or role whose own policies, groups and boundary count; SimulateCustomPolicy has none.
	SourceARN string
	// Policies are documents that count besides. Boundary, if it is there, counts in place of the source's own boundary; at most one.
	Policies, Boundary []string
	// Actions are decided on each of Resources; none is "*".
	Actions, Resources []string
	// ResourcePolicy hangs on each resource; "" for none. Owner is the account of resources whose ARN names none; "" is the caller's.
	ResourcePolicy, Owner string
	// CallerARN is the user or role who acts; "" is the source.
	CallerARN string
	// Context is what the request would bring.
	Context []ContextEntry
}

// ContextEntry is one condition key of a simulated request.
type ContextEntry struct {
	Key string
	// Type is one of ContextKeyTypeEnum: string, numeric, boolean, ip, binary, date, each also with "List" behind it.
	Type   string
	Values []string
}

// SimulatedDecision is the answer for one action on one resource.
type SimulatedDecision struct {
	Action, Resource string
	Outcome          Outcome
	// Matched are the statements that made the outcome: those that deny, or else those that allow.
	Matched []MatchedStatement
	// Missing are the condition keys that the policies ask for, SCPs and RCPs included, and nobody gave.
	Missing []string
	// Organization says that SCPs or RCPs were asked, and ByOrganization that they let it pass.
	Organization, ByOrganization bool
	// Bounded says that a permissions boundary was asked, and ByBoundary that it allows.
	Bounded, ByBoundary bool
	// CrossAccount says that the resource belongs to another account than the caller: then the identity side and the resource's side must both allow.
	CrossAccount               bool
	IdentitySide, ResourceSide Outcome
}

// Outcome is a decision in the words of the simulator.
type Outcome string

// The outcomes.
const (
	Allowed      Outcome = "allowed"
	ExplicitDeny Outcome = "explicitDeny"
	ImplicitDeny Outcome = "implicitDeny"
)

// MatchedStatement names a statement and where it stands.
type MatchedStatement struct {
	Policy string // "user_ann_inline", the name of a managed policy, "PolicyInputList.1"
	Layer  policy.Layer
	policy.Span
}

// mostSimulated bounds the work of one page: statements times questions. A page that would cost more ends earlier (IAM-10 lets it).
const mostSimulated = 100_000

// SimulatePrincipal decides by the policies of a user, group or role (IAM-9). Faults: NoSuchEntity, InvalidInput, PolicyEvaluation.
func (d *Directory) SimulatePrincipal(ctx context.Context, in Simulation, p Page) ([]SimulatedDecision, string, error) {
	s, err := d.simulator(ctx, "iam:SimulatePrincipalPolicy", &in)
	if err != nil {
		return nil, "", err
	}
	return s.page(ctx, &in, p)
}

// SimulateCustom decides by the documents of the request alone (IAM-9). Faults: InvalidInput.
func (d *Directory) SimulateCustom(ctx context.Context, in Simulation, p Page) ([]SimulatedDecision, string, error) {
	s, err := d.simulator(ctx, "iam:SimulateCustomPolicy", &in)
	if err != nil {
		return nil, "", err
	}
	return s.page(ctx, &in, p)
}

// ContextKeys returns the condition keys that documents ask for, and those of the policies of a user, group or role if source names one (IAM-9).
// Faults: NoSuchEntity, InvalidInput, PolicyEvaluation.
func (d *Directory) ContextKeys(ctx context.Context, source string, documents []string) ([]string, error) {
	action := "iam:GetContextKeysForCustomPolicy"
	if source != "" {
		action = "iam:GetContextKeysForPrincipalPolicy"
	}
	s, err := d.simulator(ctx, action, &Simulation{SourceARN: source, Policies: documents})
	if err != nil {
		return nil, err
	}
	return s.contextKeys(), nil
}

// simulator is what the decisions of one simulation have in common.
type simulator struct {
	d         *Directory
	account   string // of who asks
	principal policy.Principal
	set       policy.Set
	context   simulatedContext
	spans     map[string][]policy.Span // by the name of the policy in set, which is unique there
}

// simulator authorises action and gathers the policies of in.
func (d *Directory) simulator(ctx context.Context, action string, in *Simulation) (*simulator, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	s := &simulator{d: d, account: account, principal: policy.Principal{Type: policy.User, Account: account}, spans: map[string][]policy.Span{}}
	if in.SourceARN == "" {
		err = d.Authorize(ctx, action, &Resource{ARN: "*"})
	} else {
		err = s.readSource(ctx, action, in.SourceARN)
	}
	if err != nil {
		return nil, err
	}
	for i, document := range in.Policies {
		a, err := simulated(fmt.Sprintf("PolicyInputList.%d", i+1), document, policy.Identity)
		if err != nil {
			return nil, err
		}
		s.set.Identity = append(s.set.Identity, a)
	}
	if len(in.Boundary) > 1 {
		return nil, fault.New(fault.InvalidInput, "PermissionsBoundaryPolicyInputList can hold only one policy.")
	}
	for i, document := range in.Boundary {
		a, err := simulated(fmt.Sprintf("PermissionsBoundaryPolicyInputList.%d", i+1), document, policy.Boundary)
		if err != nil {
			return nil, err
		}
		s.set.Boundary, s.set.HasBoundary = []policy.Attached{a}, true
	}
	if in.ResourcePolicy != "" {
		a, err := simulated("ResourcePolicy", in.ResourcePolicy, policy.ResourceBased)
		if err != nil {
			return nil, err
		}
		s.set.Resource = &a
	}
	return s, nil
}

// simulated reads a document of the request.
func simulated(name, document string, kind policy.Kind) (policy.Attached, error) {
	if err := checkDocument(document, kind); err != nil {
		return policy.Attached{}, fault.New(fault.InvalidInput, "Invalid policy in %s: %s", name, fault.As(err).Message)
	}
	p, err := policy.Parse([]byte(document))
	return policy.Attached{Name: name, Policy: p}, err
}

// readSource authorises action on the user, group or role, and takes over its policies.
func (s *simulator) readSource(ctx context.Context, action, source string) error {
	account, kind, path, name, err := splitEntityARN(source)
	if err != nil {
		return err
	}
	own, err := callerAccount(ctx)
	if err != nil {
		return err
	}
	if account != own { // asked, so that the refusal is the same whatever is there
		if err := s.d.Authorize(ctx, action, &Resource{ARN: source, Account: account}); err != nil {
			return err
		}
		return noSuch(kind, name)
	}
	e, err := s.d.reach(ctx, action, Ref{kind, name}, Resource{})
	if err != nil {
		return err
	}
	if e.path != path || e.name != name {
		return noSuch(kind, name)
	}
	return s.d.db.View(ctx, func(tx *sql.Tx) error {
		if kind != KindGroup {
			var boundary string
			if err := tx.Row(`SELECT boundary FROM `+kind.table()+` WHERE id = $1`, sql.Args(e.id), &boundary); err != nil {
				return err
			}
			if boundary != "" {
				s.set.HasBoundary = true
				if s.set.Boundary, err = s.d.managedPolicies(tx, []string{boundary}); err != nil {
					return fault.Wrap(err, fault.PolicyEvaluation, "The permissions boundary of %s cannot be evaluated.", source)
				}
			}
		}
		s.actAs(e)
		if err := s.addPolicies(tx, e); err != nil || kind != KindUser {
			return err
		}
		groups, err := groupsOf(tx, e)
		for i := range groups {
			if err := s.addPolicies(tx, &groups[i]); err != nil {
				return err
			}
		}
		return err
	})
}

// groupsOf reads the groups of a user, by name.
func groupsOf(tx *sql.Tx, user *entity) ([]entity, error) {
	return sql.Gather(tx.Rows, `SELECT g.id, g.name, g.path, g.created FROM iam_membership m JOIN iam_group g ON g.id = m.group_id WHERE m.user_id = $1 ORDER BY g.folded`, sql.Args(user.id), scanEntity(KindGroup, user.account))
}

// addPolicies adds the inline and attached policies of a user, group or role.
func (s *simulator) addPolicies(tx *sql.Tx, e *entity) error {
	err := tx.Rows(`SELECT name, document FROM iam_inline WHERE owner = $1 ORDER BY name`, sql.Args(e.id), func(row sql.Scanner) error {
		var name, document string
		if err := row.Scan(&name, &document); err != nil {
			return err
		}
		p, err := s.d.compile(document)
		if err != nil {
			return fault.Wrap(err, fault.PolicyEvaluation, "The policy %s of the %s %s cannot be evaluated.", name, e.kind, e.name)
		}
		s.set.Identity = append(s.set.Identity, policy.Attached{Name: e.kind.String() + "_" + e.name + "_" + name, Policy: p})
		return nil
	})
	if err != nil {
		return err
	}
	ids, err := attachedIDs(tx, e.id)
	if err != nil {
		return err
	}
	managed, err := s.d.managedPolicies(tx, ids)
	if err != nil {
		return fault.Wrap(err, fault.PolicyEvaluation, "A managed policy of the %s %s cannot be evaluated.", e.kind, e.name)
	}
	for _, a := range managed {
		if !slices.ContainsFunc(s.set.Identity, func(b policy.Attached) bool { return b.ARN == a.ARN }) {
			s.set.Identity = append(s.set.Identity, a)
		}
	}
	return nil
}

// actAs makes e the caller of the simulated request.
func (s *simulator) actAs(e *entity) {
	p := policy.Principal{Type: policy.User, Account: e.account, ID: e.id, ARN: e.arn()}
	if e.kind == KindRole {
		p.Type, p.RoleARN, p.ServiceLinked = policy.AssumedRole, p.ARN, strings.HasPrefix(e.path, serviceRolePath)
	}
	s.principal, s.context.kind, s.context.known = p, e.kind, true
}

// splitEntityARN takes the ARN of a user, group or role apart.
func splitEntityARN(text string) (account string, kind Kind, path, name string, err error) {
	a, err := arn.Parse(text)
	class, rest, ok := strings.Cut(a.Resource, "/")
	i := slices.Index([]string{KindUser.String(), KindGroup.String(), KindRole.String()}, class)
	if err != nil || !ok || i < 0 || a.Service != "iam" || a.Region != "" || !arn.IsAccount(a.Account) {
		return "", 0, "", "", fault.New(fault.InvalidInput, "Invalid Entity Arn: %s is not the ARN of a user, group or role.", text)
	}
	path, name = "/", rest
	if slash := strings.LastIndexByte(rest, '/'); slash >= 0 {
		path, name = "/"+rest[:slash+1], rest[slash+1:]
	}
	return a.Account, [...]Kind{KindUser, KindGroup, KindRole}[i], path, name, nil
}

// contextKeys are the condition keys that the policies ask for, each once.
func (s *simulator) contextKeys() []string {
	var keys []string
	add := func(a *policy.Attached) {
		if a != nil && a.Policy != nil {
			keys = append(keys, a.Policy.ContextKeys()...)
		}
	}
	for i := range s.set.Identity {
		add(&s.set.Identity[i])
	}
	for i := range s.set.Boundary {
		add(&s.set.Boundary[i])
	}
	add(s.set.Resource)
	slices.Sort(keys)
	seen := map[string]bool{}
	return slices.DeleteFunc(keys, func(key string) bool {
		was := seen[fold(key)]
		seen[fold(key)] = true
		return was
	})
}

var actionForm = regexp.MustCompile(`^[A-Za-z0-9-]+:[A-Za-z0-9]+$`)

// page decides every action on every resource, from where p goes on.
func (s *simulator) page(ctx context.Context, in *Simulation, p Page) ([]SimulatedDecision, string, error) {
	for _, action := range in.Actions {
		if !actionForm.MatchString(action) {
			return nil, "", fault.New(fault.InvalidInput, "Invalid action name: %s. An action is SERVICE:NAME, without wildcards.", action)
		}
	}
	resources := in.Resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	for _, r := range resources {
		if _, err := arn.Parse(r); err != nil && r != "*" {
			return nil, "", fault.New(fault.InvalidInput, "Invalid resource ARN: %s", r)
		}
	}
	if err := s.prepare(ctx, in); err != nil {
		return nil, "", err
	}
	first := 0
	if p.After != "" { // it comes back as it was handed out
		var err error
		if first, err = strconv.Atoi(p.After); err != nil {
			return nil, "", err
		}
	}
	keys, work := s.contextKeys(), 0
	var out []SimulatedDecision
	for i := first; i < len(in.Actions)*len(resources); i++ {
		if len(out) == p.limit() || work > mostSimulated {
			return out, strconv.Itoa(i), nil
		}
		one, statements, err := s.decide(ctx, in.Actions[i/len(resources)], resources[i%len(resources)], in.Owner, keys)
		if err != nil {
			return nil, "", err
		}
		out, work = append(out, *one), work+statements+1
	}
	return out, "", nil
}

// prepare makes the caller and the context of the request.
func (s *simulator) prepare(ctx context.Context, in *Simulation) error {
	if in.CallerARN != "" && in.CallerARN != in.SourceARN {
		account, kind, path, name, err := splitEntityARN(in.CallerARN)
		if err != nil {
			return err
		}
		e, found := &entity{kind: kind, account: account, path: path, name: name}, false
		if account == s.principal.Account { // tags and unique id of who is there; the simulated caller need not be
			there, err := s.d.find(ctx, kind, account, name)
			if err != nil && !fault.Is(err, fault.NoSuchEntity) {
				return err
			}
			if found = err == nil && there.path == path && there.name == name; found {
				e = there
			}
		}
		s.actAs(e)
		s.context.known = found
	}
	if in.ResourcePolicy != "" && (s.principal.ARN == "" || s.context.kind == KindGroup) {
		return fault.New(fault.InvalidInput, "A CallerArn of a user or role is required if a ResourcePolicy is given.")
	}
	if in.Owner != "" {
		owner, ok := in.Owner, true
		if a, err := arn.Parse(in.Owner); err == nil {
			owner, ok = a.Account, a.Service == "iam" && a.Resource == "root"
		}
		if !ok || !arn.IsAccount(owner) {
			return fault.New(fault.InvalidInput, "Invalid resource owner: %s", in.Owner)
		}
		in.Owner = owner
	}
	var err error
	if s.principal.ID != "" {
		if s.context.tags, err = s.d.tags(ctx, s.principal.ID); err != nil {
			return err
		}
	}
	s.context.principal, s.context.time = &s.principal, From(ctx).Time
	s.context.given, err = readContext(in.Context)
	return err
}

// decide answers for one action on one resource, and tells how many statements it read.
func (s *simulator) decide(ctx context.Context, action, resource, owner string, keys []string) (*SimulatedDecision, int, error) {
	s.context.region = "us-east-1" // where requests go that are of no region, such as those of IAM
	if a, err := arn.Parse(resource); err == nil {
		if arn.IsAccount(a.Account) {
			owner = a.Account
		}
		if a.Region != "" && !strings.ContainsAny(a.Region, "*?") {
			s.context.region = a.Region
		}
	}
	callers, owners, err := s.memberships(ctx, owner)
	if err != nil {
		return nil, 0, err
	}
	s.context.owner, s.context.callers, s.context.owners = owner, callers, owners
	r := policy.Request{Principal: &s.principal, Action: action, Resource: resource, ResourceAccount: owner, Context: &s.context}
	set := s.set
	set.Trust = set.Resource != nil && strings.HasPrefix(strings.ToLower(action), "sts:assumerole")
	if callers != nil {
		set.SCP = callers.SCP
	}
	if owners != nil {
		set.RCP = owners.RCP
	}
	out := &SimulatedDecision{Action: action, Resource: resource, Bounded: set.HasBoundary, ByOrganization: true}
	out.Organization = callers != nil || owners != nil
	out.CrossAccount = owner != "" && owner != s.principal.Account
	out.IdentitySide, out.ResourceSide = ImplicitDeny, ImplicitDeny
	decision := policy.Evaluate(&r, &set)
	out.Outcome = outcome(decision.Allowed, decision.Explicit)
	statements := 0
	for _, layer := range policy.Explain(&r, &set) {
		statements += len(layer.Statements)
		switch layer.Layer {
		case policy.LayerSCP, policy.LayerRCP:
			out.ByOrganization = out.ByOrganization && (layer.Result == "allow" || layer.Result == "exempt")
			continue // whose policies those are is not for this account to see
		case policy.LayerBoundary:
			out.ByBoundary = layer.Result == "allow"
		case policy.LayerIdentity:
			out.IdentitySide = outcome(layer.Result == "allow", layer.Result == "deny")
		case policy.LayerResource, policy.LayerTrust:
			out.ResourceSide = outcome(layer.Result == "allow", layer.Result == "deny")
		}
		s.match(out, &layer)
	}
	asked := map[string]bool{}
	for _, key := range append(slices.Concat(keys, guardKeys(set.SCP)), guardKeys(set.RCP)...) {
		if folded := fold(key); !asked[folded] && s.context.misses(folded) {
			asked[folded] = true
			out.Missing = append(out.Missing, key)
		}
	}
	return out, statements, nil
}

// guardKeys are the condition keys that guard-rails ask for. Who simulates does not see these, but is told which keys a real request would be asked for: without, the
// answer under a guard-rail is wrong and does not show it.
func guardKeys(levels []policy.Level) (keys []string) {
	for i := range levels {
		for j := range levels[i].Policies {
			if p := levels[i].Policies[j].Policy; p != nil {
				keys = append(keys, p.ContextKeys()...)
			}
		}
	}
	return keys
}

// memberships are those of the caller's account and of the resource's owner, where that is the account that asks. Of any other account nothing is loaded: a simulated
// caller and owner may be whatever one likes, and would try out the SCPs and RCPs of others, and their place in the tree.
func (s *simulator) memberships(ctx context.Context, owner string) (callers, owners *Membership, err error) {
	own, err := s.d.memberOf(ctx, s.account)
	if s.principal.Account == s.account {
		callers = own
	}
	if owner == s.account || owner == "" && callers != nil {
		owners = own
	}
	return callers, owners, err
}

func outcome(allowed, explicit bool) Outcome {
	switch {
	case allowed:
		return Allowed
	case explicit:
		return ExplicitDeny
	}
	return ImplicitDeny
}

// match notes the statements of a layer that made the outcome.
func (s *simulator) match(out *SimulatedDecision, layer *policy.LayerResult) {
	effect := "Allow"
	switch {
	case out.Outcome == ExplicitDeny:
		effect = "Deny"
	case out.Outcome == ImplicitDeny || layer.Layer == policy.LayerBoundary: // a boundary allows nothing by itself
		return
	}
	for i := range layer.Statements {
		one := &layer.Statements[i]
		if !one.Applies || one.Effect != effect {
			continue
		}
		m := MatchedStatement{Policy: one.Policy, Layer: layer.Layer}
		if spans := s.spansOf(layer.Layer, one); one.Statement < len(spans) {
			m.Span = spans[one.Statement]
		}
		out.Matched = append(out.Matched, m)
	}
}

// spansOf finds where the statements of the policy that one belongs to stand.
func (s *simulator) spansOf(layer policy.Layer, one *policy.StatementResult) []policy.Span {
	key := string(layer) + "\x00" + one.Policy + "\x00" + one.PolicyARN
	if spans, ok := s.spans[key]; ok {
		return spans
	}
	policies := s.set.Identity
	switch {
	case layer == policy.LayerBoundary:
		policies = s.set.Boundary
	case layer != policy.LayerIdentity:
		policies = []policy.Attached{*s.set.Resource}
	}
	for i := range policies {
		if policies[i].Name == one.Policy && policies[i].ARN == one.PolicyARN {
			s.spans[key] = policies[i].Policy.StatementSpans()
		}
	}
	return s.spans[key]
}
