package iam

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// Explanation says why a request was allowed or denied, or would be (IAMP-8), as far as who asks may know it. It encodes as JSON.
type Explanation struct {
	RequestID string    `json:"requestId,omitempty"` // "" of a question
	Time      time.Time `json:"time"`
	Principal string    `json:"principal"`
	// Role is the role whose session it was: the one that has to be allowed, whatever role one had in mind.
	Role     string `json:"role,omitempty"`
	Account  string `json:"account,omitempty"` // of the principal
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Owner    string `json:"owner,omitempty"`
	// Decision is "Allow", "Deny", or, of a question, "Undecided": what may be seen does not refuse it, and what is hidden is another account's to say.
	Decision string `json:"decision"`
	// Explicit: a statement denies it.
	Explicit bool `json:"explicit,omitempty"`
	// Rule is what else than policies decided it, in words: what policies said does not matter then.
	Rule string `json:"rule,omitempty"`
	// Message is the text of the refusal.
	Message string `json:"message,omitempty"`
	// DecidedBy names the layer, the policy and the statement that decided; nil where they are hidden, or none was needed.
	DecidedBy *DecidedBy       `json:"decidedBy,omitempty"`
	Layers    []ExplainedLayer `json:"layers"`
	// Changes are the smallest that would allow it, on the sides that who asks may see. They do not suffice where Ask names others whose side lacks something.
	Changes []policy.Change `json:"changes,omitempty"`
	// Ask names the accounts whose hidden policies refuse it, or could.
	Ask []Ask `json:"ask,omitempty"`
	// Note says what else is to be known of this explanation.
	Note string `json:"note,omitempty"`

	principalID string
}

// DecidedBy is a statement, or with Statement -1 a layer.
type DecidedBy struct {
	Layer     policy.Layer `json:"layer"`
	Policy    string       `json:"policy,omitempty"`
	PolicyARN string       `json:"policyArn,omitempty"`
	Statement int          `json:"statement"`
	Sid       string       `json:"sid,omitempty"`
}

// ExplainedLayer is what one layer said. One that is hidden has no more than its name, who may see it, and the result if the refusal told it: else that is "unknown".
type ExplainedLayer struct {
	policy.LayerResult
	Statements []ExplainedStatement `json:"statements,omitempty"`
	Hidden     bool                 `json:"hidden,omitempty"`
	// VisibleTo is the account that may see a hidden layer.
	VisibleTo string `json:"visibleTo,omitempty"`
}

// ExplainedStatement is a statement with its text, in which principals are ARNs again.
type ExplainedStatement struct {
	policy.StatementResult
	Text json.RawMessage `json:"text,omitempty"`
}

// sight is who asks, and what that account may see.
type sight struct {
	account string
	all     bool // the operator
	c       *Call
}

// side is the account that may see a layer; "" if only the operator may.
func (s *sight) side(l policy.Layer) string {
	switch l {
	case policy.LayerIdentity, policy.LayerBoundary, policy.LayerSession:
		return s.c.Principal.Account
	case policy.LayerSCP, policy.LayerRCP:
		if m, _ := s.governed(l); m != nil {
			return m.Management
		}
		return ""
	}
	return s.owner()
}

// governed is the organization that SCPs or RCPs are of, and the account that they bind.
func (s *sight) governed(l policy.Layer) (*Membership, string) {
	if l == policy.LayerSCP {
		return s.c.keys.callers, s.c.Principal.Account
	}
	return s.c.keys.owners, s.owner()
}

// knows says whether s may know that there is a layer that it does not see, and who sees it. Of SCPs and RCPs that bind an account of another organization, and its
// management, nothing is told, nor even that it is in one.
func (s *sight) knows(l policy.Layer) bool {
	if l != policy.LayerSCP && l != policy.LayerRCP {
		return true
	}
	_, account := s.governed(l)
	callers, owners := s.c.keys.callers, s.c.keys.owners
	return account == s.account || callers != nil && owners != nil && callers.Organization == owners.Organization
}

func (s *sight) owner() string {
	if a := s.c.keys.resource.Account; a != "" {
		return a
	}
	return s.c.Principal.Account
}

func (s *sight) sees(l policy.Layer) bool { return s.all || s.account != "" && s.account == s.side(l) }

// party: the asker's account has something to do with the request.
func (s *sight) party() bool {
	return s.sees(policy.LayerIdentity) || s.sees(policy.LayerResource) || s.sees(policy.LayerSCP) || s.sees(policy.LayerRCP)
}

// asker decides whether the caller may have things explained: own is what the caller itself did, for which no permission is needed, but a Deny is heeded. all says
// that the caller is the operator, with permission.
func (d *Directory) asker(ctx context.Context, action string, own bool) (account string, all bool, err error) {
	if account, err = callerAccount(ctx); err != nil {
		return "", false, err
	}
	r, allowed := &Resource{ARN: "*", Account: account}, true
	if own {
		allowed, err = d.AuthorizeUnlessDenied(ctx, action, r, "one's own requests need no permission to be explained")
	} else {
		err = d.Authorize(ctx, action, r)
	}
	if err != nil || !allowed {
		return account, false, err
	}
	first, err := d.FirstAccount(ctx)
	if err != nil {
		return "", false, err
	}
	return account, account == first.ID, nil
}

func notExplained(requestID string) error {
	return fault.New(fault.NoSuchEntity, "There is no request %s that you may have explained.", requestID)
}

// Explain explains the request with an id as it was decided, from the records of logs: policies, tags, organization and caller are those of that time. A caller
// may ask for what it did itself; to ask for others' requests needs berth:Explain in the asker's account, which must be a party: the principal's account, the
// resource's owner, the account that manages the organization of either, or the installation's first account. Who may see which layer: see
// docs/decisions/who-sees-which-layer.md. Faults: AccessDenied; NoSuchEntity, also for what the asker has no part in.
func (d *Directory) Explain(ctx context.Context, logs []*audit.Log, requestID string) (*Explanation, error) {
	c, err := Caller(ctx)
	if err != nil {
		return nil, err
	}
	me := c.Principal
	r, log, err := recordOf(ctx, logs, requestID)
	if err != nil {
		return nil, err
	}
	own := r != nil && r.Evidence.Principal != nil && r.Evidence.Principal.ARN == me.ARN && r.Evidence.Principal.ID == me.ID
	account, all, err := d.asker(ctx, "berth:Explain", own)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, notExplained(requestID)
	}
	return d.explainPast(ctx, log, r, account, all)
}

// recordOf returns the record of a request, nil if there is none, and the log that has it. What the log has not written yet, it writes first.
func recordOf(ctx context.Context, logs []*audit.Log, requestID string) (*audit.Record, *audit.Log, error) {
	for _, log := range logs {
		if r, err := log.Request(ctx, requestID); err != nil || r != nil {
			return r, log, err
		}
	}
	return nil, nil, nil
}

// explainPast explains a request, by its record in log, to an account that may ask. Fault: NoSuchEntity for what the account has no part in.
func (d *Directory) explainPast(ctx context.Context, log *audit.Log, r *audit.Record, account string, all bool) (*Explanation, error) {
	was, err := d.replay(ctx, log, r)
	if errors.Is(err, errNoEvidence) {
		if !all && account != r.Account && account != r.Owner {
			return nil, notExplained(r.RequestID)
		}
		return &Explanation{
			RequestID: r.RequestID, Time: r.Time, Principal: r.Principal, Account: r.Account, Action: r.Action, Resource: r.Resource, Owner: r.Owner, Decision: r.Decision,
			Rule: r.Rule, Message: refusedBy(r), Layers: []ExplainedLayer{}, Note: "No policy decided this request: " + notDecided(r),
		}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &sight{account, all, was}
	if !s.party() {
		return nil, notExplained(r.RequestID)
	}
	decision := was.judge()
	return d.explanation(ctx, s, &decision, r), nil
}

// explanation is what s may see of the call that it is about. was is the record of a past request, of which the asker knows how it was decided; nil of a question,
// which no more than what it may see decides.
func (d *Directory) explanation(ctx context.Context, s *sight, decision *policy.Decision, was *audit.Record) *Explanation {
	c, past := s.c, was != nil
	out := &Explanation{
		RequestID: c.RequestID, Time: c.Time, Principal: c.Principal.ARN, Role: c.Principal.RoleARN, Account: c.Principal.Account, Action: c.request.Action,
		Resource: c.request.Resource, Owner: s.owner(), principalID: userID(c.Principal), Decision: "Deny", Explicit: decision.Explicit, Message: decision.Message(&c.request), Layers: []ExplainedLayer{},
	}
	open, hidden := s.open()
	if _, settled := c.settled(c.request.Action); !settled && !past && hidden {
		*decision = policy.Evaluate(&c.request, &open)
		out.Explicit, out.Message = decision.Explicit, decision.Message(&c.request)
	}
	switch {
	case decision.Allowed && !past && hidden:
		out.Decision, out.Message = "Undecided", "What account "+s.account+" may see does not refuse it. The layers that are hidden are of other accounts, which can ask the same."
	case decision.Allowed:
		out.Decision = "Allow"
	}
	overruled := past && (was.Rule != "" || decision.Allowed != (was.Decision == "Allow"))
	decides := s.sees(decision.Layer) && !overruled
	if decides && out.Decision != "Undecided" {
		out.DecidedBy = &DecidedBy{decision.Layer, decision.Policy, decision.PolicyARN, decision.Statement, decision.Sid}
	}
	if !decision.Allowed && !decides && c.set.Trust {
		out.Message = notAuthorized(c.Principal, c.request.Action, c.request.Resource) // STS told no more
	}
	told := !decision.Allowed && past && !c.set.Trust && !overruled // the refusal's text names its layer
	if !decides && !told {
		out.Explicit = false
	}
	d.layers(ctx, s, out, decision, told)
	switch rule := c.rule(); {
	case overruled:
		out.overrule(was)
	case rule != "":
		out.Rule = rule
	default:
		out.Changes = policy.Suggest(&c.request, &open)
		out.Ask = s.ask(out, decision, told)
	}
	return out
}

// open is the set of the policies with everything that s may not see made permissive, and whether anything is.
func (s *sight) open() (set policy.Set, hidden bool) {
	set = s.c.set
	if !s.sees(policy.LayerSCP) && set.SCP != nil {
		set.SCP, hidden = nil, true
	}
	if !s.sees(policy.LayerRCP) && set.RCP != nil {
		set.RCP, hidden = nil, true
	}
	everything, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`))
	if err != nil {
		panic(err) // a constant
	}
	all := policy.Attached{Name: "hidden", Policy: everything}
	if !s.sees(policy.LayerIdentity) && s.c.Principal.Type <= policy.FederatedUser {
		set.Identity, set.Boundary, set.HasBoundary, hidden = []policy.Attached{all}, nil, false, true
		if set.HasSession {
			set.Session = []policy.Attached{all}
		}
	}
	if !s.sees(policy.LayerResource) {
		set.Resource, set.Registry, set.Endpoint, set.HasEndpoint, hidden = &all, nil, nil, false, true
	}
	return set, hidden
}

// explained is what policy.Explain says, with one layer for everything that hangs on a resource whose owner s is not, whether or not there is anything: else it told
// which repositories and roles there are (API-28).
func (s *sight) explained() []policy.LayerResult {
	all := s.c.ruled(policy.Explain(&s.c.request, &s.c.set))
	if s.sees(policy.LayerResource) || s.c.request.Resource == "*" {
		return all
	}
	kind := policy.LayerResource
	if s.c.set.Trust {
		kind = policy.LayerTrust
	}
	all = slices.DeleteFunc(all, func(l policy.LayerResult) bool {
		return l.Layer == policy.LayerResource || l.Layer == policy.LayerRegistry || l.Layer == policy.LayerTrust
	})
	at := slices.IndexFunc(all, func(l policy.LayerResult) bool { return l.Layer != policy.LayerSCP && l.Layer != policy.LayerRCP })
	if at < 0 {
		at = len(all)
	}
	return slices.Insert(all, at, policy.LayerResult{Layer: kind})
}

// layers adds every layer to out, those that s may not see as hidden ones: one for all levels, and one for both kinds of resource-based policies, so that not even
// their number is told.
func (d *Directory) layers(ctx context.Context, s *sight, out *Explanation, decision *policy.Decision, told bool) {
	texts := &statementTexts{d: d, ctx: ctx, of: map[*policy.Policy][]json.RawMessage{}}
	for _, l := range s.explained() {
		if s.sees(l.Layer) {
			e := ExplainedLayer{LayerResult: l}
			for i := range l.Statements {
				texts.show(s, &l, &l.Statements[i])
				e.Statements = append(e.Statements, ExplainedStatement{l.Statements[i], texts.find(&s.c.set, &l, &l.Statements[i])})
			}
			e.LayerResult.Statements = nil
			out.Layers = append(out.Layers, e)
			continue
		}
		kind := l.Layer
		if kind == policy.LayerRegistry {
			kind = policy.LayerResource
		}
		if slices.ContainsFunc(out.Layers, func(e ExplainedLayer) bool { return e.Hidden && e.Layer == kind }) {
			continue
		}
		e := ExplainedLayer{LayerResult: policy.LayerResult{Layer: kind, Result: "unknown"}, Hidden: true, VisibleTo: s.side(kind)}
		by := decision.Layer
		if by == policy.LayerRegistry {
			by = policy.LayerResource
		}
		decides := told && by == kind
		if !s.knows(kind) {
			if !decides {
				continue
			}
			e.VisibleTo = ""
		}
		if decides {
			e.Deciding, e.Result = true, "none"
			if decision.Explicit || kind == policy.LayerSCP { // of SCPs the text says no more (IAMP-5)
				e.Result = "deny"
			}
		}
		out.Layers = append(out.Layers, e)
	}
}

// statementTexts finds the texts of statements.
type statementTexts struct {
	d   *Directory
	ctx context.Context
	of  map[*policy.Policy][]json.RawMessage
}

// find is the text of a statement of the set.
func (t *statementTexts) find(set *policy.Set, l *policy.LayerResult, s *policy.StatementResult) json.RawMessage {
	for _, a := range policiesOf(set, l) {
		if a.Policy == nil || a.Name != s.Policy || a.ARN != s.PolicyARN {
			continue
		}
		list, ok := t.of[a.Policy]
		if !ok {
			list = t.split(a.Policy)
			t.of[a.Policy] = list
		}
		if s.Statement < len(list) {
			return list[s.Statement]
		}
	}
	return nil
}

// split takes a document apart into its statements, with ARNs for unique ids.
func (t *statementTexts) split(p *policy.Policy) []json.RawMessage {
	var document struct{ Statement json.RawMessage }
	if json.Unmarshal(t.d.Render(t.ctx, p.Text()), &document) != nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(document.Statement, &list) != nil {
		list = []json.RawMessage{document.Statement}
	}
	return list
}

// show turns unique ids into ARNs, and hides the tags of the side that s does not see: a condition of one side's policy may ask for the other's.
func (t *statementTexts) show(s *sight, l *policy.LayerResult, r *policy.StatementResult) {
	if p := r.Principal; p != nil {
		p.Value = t.d.arnOf(t.ctx, p.Value)
	}
	for i := range r.Conditions {
		c := &r.Conditions[i]
		key := strings.ToLower(c.Key)
		side := policy.LayerResource
		switch {
		case strings.HasPrefix(key, "aws:resourcetag/") || strings.HasPrefix(key, "ecr:resourcetag/") || strings.HasPrefix(key, "iam:resourcetag/"):
		case strings.HasPrefix(key, "aws:principaltag/"):
			side = policy.LayerIdentity
		default:
			continue
		}
		if len(c.Request) > 0 && !s.sees(side) {
			c.Request = []string{"(a tag that only account " + s.side(side) + " sees)"}
		}
	}
}

// arnOf is the ARN of a user or role by its unique id; what is no such id, or of nobody, stays as it is.
func (d *Directory) arnOf(ctx context.Context, id string) string {
	e, session, ok := storedPrincipal(id)
	if !ok {
		return id
	}
	if err := d.db.Row(ctx, `SELECT account, path, name FROM `+e.kind.table()+` WHERE id = $1`, []any{e.id}, &e.account, &e.path, &e.name); err != nil {
		return id
	}
	return e.principalARN(session)
}

// policiesOf are the policies of a layer.
func policiesOf(set *policy.Set, l *policy.LayerResult) []policy.Attached {
	levels := set.SCP
	switch l.Layer {
	case policy.LayerIdentity:
		return set.Identity
	case policy.LayerBoundary:
		return set.Boundary
	case policy.LayerSession:
		return set.Session
	case policy.LayerEndpoint:
		return set.Endpoint
	case policy.LayerRegistry:
		if set.Registry != nil {
			return []policy.Attached{*set.Registry}
		}
		return nil
	case policy.LayerResource, policy.LayerTrust:
		if set.Resource != nil {
			return []policy.Attached{*set.Resource}
		}
		return nil
	case policy.LayerRCP:
		levels = set.RCP
	}
	var out []policy.Attached
	for i := range levels {
		if levels[i].Target == l.Target {
			out = append(out, levels[i].Policies...)
		}
	}
	return out
}
