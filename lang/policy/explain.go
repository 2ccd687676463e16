package policy

import "slices"

// LayerResult is what one layer said about a request (IAMP-8). It encodes as JSON.
type LayerResult struct {
	Layer Layer `json:"layer"`
	// Target is the root, organizational unit or account of an SCP or RCP level.
	Target string `json:"target,omitempty"`
	// Result is "allow", "deny", "none" (no statement applies), or "exempt" (the layer does not bind this caller or action).
	Result string `json:"result"`
	// Class says how the best Allow names the caller, in layers with principals: "account", "via_role", "direct".
	Class string `json:"class,omitempty"`
	// Deciding marks the layer that decided the request.
	Deciding   bool              `json:"deciding,omitempty"`
	Statements []StatementResult `json:"statements,omitempty"`
}

// StatementResult says which parts of one statement matched the request.
type StatementResult struct {
	Policy    string `json:"policy"`
	PolicyARN string `json:"policyArn,omitempty"`
	Statement int    `json:"statement"` // from 0
	Sid       string `json:"sid,omitempty"`
	Effect    string `json:"effect"`
	Applies   bool   `json:"applies"`
	// Deciding marks a statement that decided the request.
	Deciding bool `json:"deciding,omitempty"`
	// Nearest marks, in the layer that lacks an Allow, the Allow statement with the fewest parts that failed.
	Nearest    bool              `json:"nearest,omitempty"`
	Action     Part              `json:"action"`
	Resource   Part              `json:"resource"`
	Principal  *Part             `json:"principal,omitempty"`
	Conditions []ConditionResult `json:"conditions,omitempty"`
}

// Part says whether one element matched, and if not, why.
type Part struct {
	Matched bool `json:"matched"`
	// Element is the element as written: "Action", "NotResource"; "" if the statement has none.
	Element string `json:"element,omitempty"`
	// Reason of a mismatch. Action: no_element, differs, excluded. Resource: no_element, excluded, unresolved_variable, or the part of the ARN
	// that differs: arn_prefix, partition, service, region, account, resource_id, no_resource, short_arn. Principal: no_element, differs, excluded.
	Reason string `json:"reason,omitempty"`
	// Value is the value of the policy that matched, or came nearest to it.
	Value string `json:"value,omitempty"`
	// Class is how a principal was matched.
	Class string `json:"class,omitempty"`
}

// ConditionResult says whether one operator and key were fulfilled.
type ConditionResult struct {
	Operator string `json:"operator"`
	Key      string `json:"key"`
	Matched  bool   `json:"matched"`
	// Reason is one of matched, value_differs, key_absent, matched_because_absent, multi_needs_qualifier, bad_value, unresolved_variable,
	// unknown_operator.
	Reason string `json:"reason"`
	// Absent: the request has no such key; else Request holds its values.
	Absent  bool          `json:"absent,omitempty"`
	Request []string      `json:"request,omitempty"`
	Values  []PolicyValue `json:"values,omitempty"`
}

// PolicyValue is one value of a condition.
type PolicyValue struct {
	Value string `json:"value"`
	// Substituted is the value with its policy variables replaced, where it has any that resolve.
	Substituted string `json:"substituted,omitempty"`
	Matched     bool   `json:"matched"`
}

// Explain says what every layer and statement made of r (IAMP-8). It allocates and is several times slower than Evaluate: for
// people who ask, not for every request.
func Explain(r *Request, s *Set) []LayerResult {
	e := newEvaluation(r, s)
	decision, _ := e.decide()
	p := r.Principal
	room := roomFor(s)
	out := make([]LayerResult, 0, len(s.SCP)+len(s.RCP)+6)
	add := func(layer Layer, kind layerKind, target string, binds bool, policies []Attached) {
		out = append(out, e.explainLayer(room, layer, kind, target, binds, policies, &decision))
	}
	for i := range s.SCP {
		add(LayerSCP, scpLayer, s.SCP[i].Target, e.scpBinds(), s.SCP[i].Policies)
	}
	for i := range s.RCP {
		add(LayerRCP, rcpLayer, s.RCP[i].Target, e.rcpBinds(), s.RCP[i].Policies)
	}
	if s.Resource != nil {
		name, applies := LayerResource, e.resourcePolicyApplies()
		if s.Trust {
			name = LayerTrust
		}
		add(name, resourceLayer, "", applies, []Attached{*s.Resource})
	} else if decision.Layer == LayerResource || s.Trust {
		name := LayerResource
		if s.Trust {
			name = LayerTrust
		}
		add(name, resourceLayer, "", true, nil)
	}
	if s.Registry != nil {
		add(LayerRegistry, registryLayer, "", e.registryPolicyApplies(), []Attached{*s.Registry})
	}
	if p.Type <= FederatedUser {
		add(LayerIdentity, identityLayer, "", true, s.Identity)
		if s.HasBoundary {
			add(LayerBoundary, boundaryLayer, "", true, s.Boundary)
		}
		if s.HasSession || decision.Layer == LayerSession {
			add(LayerSession, sessionLayer, "", true, s.Session)
		}
	}
	if s.HasEndpoint {
		add(LayerEndpoint, endpointLayer, "", true, s.Endpoint)
	}
	markDeciding(out, &decision)
	return out
}

// markDeciding marks the layer that decided: of several SCP or RCP levels the one that denies, or the first that allows nothing.
func markDeciding(layers []LayerResult, d *Decision) {
	for i := range layers {
		l := &layers[i]
		if l.Layer != d.Layer || l.Result == "exempt" {
			continue
		}
		levels := l.Layer == LayerSCP || l.Layer == LayerRCP
		if !levels || d.Explicit == (l.Result == "deny") && l.Result != "allow" {
			l.Deciding = true
			return
		}
	}
}

// room is what an explanation is written into: memory for all of it at once, for to allocate each part is most of the work.
type room struct {
	statements []StatementResult
	principals []Part
	conditions []ConditionResult
	values     []PolicyValue
	request    []string
}

func roomFor(s *Set) *room {
	statements, conditions, values := 0, 0, 0
	s.each(func(_ place, a *Attached) bool {
		if a.Policy != nil {
			statements += len(a.Policy.statements)
			for i := range a.Policy.statements {
				list := a.Policy.statements[i].conditions
				conditions += len(list)
				for j := range list {
					values += len(list[j].values)
				}
			}
		}
		return true
	})
	return &room{
		make([]StatementResult, statements), make([]Part, statements), make([]ConditionResult, conditions), make([]PolicyValue, values), make([]string, conditions),
	}
}

// cut takes n zero values off a list, nil for none, and makes more where the list is at its end.
func cut[T any](list *[]T, n int) []T {
	if n == 0 {
		return nil
	}
	if len(*list) < n {
		return make([]T, n)
	}
	out := (*list)[:n:n]
	*list = (*list)[n:]
	return out
}

func (e *evaluation) explainLayer(room *room, layer Layer, kind layerKind, target string, binds bool, policies []Attached, d *Decision) LayerResult {
	out := LayerResult{Layer: layer, Target: target, Result: "none"}
	if !binds {
		out.Result = "exempt"
		return out
	}
	best, count := unnamed, 0
	for i := range policies {
		if policies[i].Policy != nil {
			count += len(policies[i].Policy.statements)
		}
	}
	out.Statements = cut(&room.statements, count)
	next := 0
	for i := range policies {
		a := &policies[i]
		if a.Policy == nil {
			continue
		}
		for j := range a.Policy.statements {
			s := &a.Policy.statements[j]
			result := &out.Statements[next]
			next++
			class := e.explainStatement(room, result, a, j, s, kind)
			if result.Applies {
				if s.effect == deny {
					out.Result = "deny"
				} else if best = max(best, class); out.Result == "none" {
					out.Result = "allow"
				}
			}
			result.Deciding = d.Statement == j && d.Layer == layer && d.Policy == a.Name && d.PolicyARN == a.ARN && d.Sid == s.sid && result.Applies && d.Allowed == (s.effect == allow)
		}
	}
	if kind.withPrincipal() {
		out.Class = best.String()
	}
	if !d.Allowed && !d.Explicit && d.Layer == layer && out.Result == "none" {
		markNearest(out.Statements)
	}
	return out
}

func markNearest(statements []StatementResult) {
	nearest, fewest := -1, 0
	for i := range statements {
		if statements[i].Effect != "Allow" {
			continue
		}
		if failing := statements[i].failing(); nearest < 0 || failing < fewest {
			nearest, fewest = i, failing
		}
	}
	if nearest >= 0 {
		statements[nearest].Nearest = true
	}
}

func (s *StatementResult) failing() int {
	count := 0
	for _, ok := range []bool{s.Action.Matched, s.Resource.Matched, s.Principal == nil || s.Principal.Matched} {
		if !ok {
			count++
		}
	}
	for i := range s.Conditions {
		if !s.Conditions[i].Matched {
			count++
		}
	}
	return count
}

// explainStatement fills out and returns how the statement names the caller.
func (e *evaluation) explainStatement(room *room, out *StatementResult, a *Attached, index int, s *statement, kind layerKind) class {
	out.Policy, out.PolicyARN, out.Statement, out.Sid, out.Effect = a.Name, a.ARN, index, s.sid, s.effect.String()
	out.Action, out.Resource = e.explainAction(s), e.explainResource(s, kind)
	class := direct
	if kind.withPrincipal() {
		class = s.principalClass(e.request.Principal, kind, e.set.HasBoundary)
		out.Principal = &cut(&room.principals, 1)[0]
		e.explainPrincipal(out.Principal, s, class)
	}
	out.Applies = s.effect != noEffect && out.Action.Matched && out.Resource.Matched && class != unnamed
	out.Conditions = cut(&room.conditions, len(s.conditions))
	for i := range s.conditions {
		s.conditions[i].explain(room, &out.Conditions[i], e.request.Context)
		out.Applies = out.Applies && out.Conditions[i].Matched
	}
	return class
}

func (e *evaluation) explainAction(s *statement) Part {
	part := Part{Element: element("Action", s.hasAction, s.notActions), Matched: e.actionMatches(s)}
	for i := range s.actions {
		if s.actions[i].matches(e.request.Action, e.colon) {
			part.Value = s.actions[i].text
			break
		}
	}
	part.explainMismatch(s.hasAction, s.notActions)
	return part
}

func (e *evaluation) explainResource(s *statement, kind layerKind) Part {
	part := Part{Element: element("Resource", s.hasResource, s.notResources), Matched: e.resourceMatches(s, kind)}
	furthest := partNone
	for i := range s.resources {
		value := &s.resources[i]
		f, mismatch := value.covers(&e.target, kind, e.request.Context)
		if f == fits || s.notResources && f == unresolved {
			part.Value, part.Reason = value.text, ""
			if f == unresolved {
				part.Reason = "unresolved_variable"
			}
			break
		}
		if !s.notResources && (part.Value == "" || mismatch > furthest) {
			furthest, part.Value, part.Reason = mismatch, value.text, mismatch.String()
			if f == unresolved {
				part.Reason = "unresolved_variable"
			}
		}
	}
	part.explainMismatch(s.hasResource, s.notResources)
	return part
}

func (e *evaluation) explainPrincipal(part *Part, s *statement, class class) {
	*part = Part{Element: element("Principal", s.hasPrincipal, s.notPrincipals), Matched: class != unnamed, Class: class.String()}
	for i := range s.principals {
		if v := &s.principals[i]; v.names(e.request.Principal) != unnamed {
			part.Value = v.written
			break
		}
	}
	part.explainMismatch(s.hasPrincipal, s.notPrincipals)
}

func element(name string, has, not bool) string {
	switch {
	case !has:
		return ""
	case not:
		return "Not" + name
	}
	return name
}

func (p *Part) explainMismatch(has, not bool) {
	switch {
	case p.Matched:
		p.Reason = ""
	case p.Reason != "":
	case !has:
		p.Reason = "no_element"
	case not:
		p.Reason = "excluded"
	default:
		p.Reason = "differs"
	}
}

func (c *condition) explain(room *room, out *ConditionResult, context Context) {
	out.Operator, out.Key, out.Matched = c.written, c.name, c.holds(context)
	value := lookup(context, c.key)
	switch {
	case !value.Present:
		out.Absent = true
	case value.Multi:
		out.Request = slices.Clone(value.Many)
	default:
		out.Request = cut(&room.request, 1)
		out.Request[0] = value.One
	}
	bad, unresolved := false, false
	out.Values = cut(&room.values, len(c.values))
	for i := range c.values {
		o := &c.values[i]
		v := PolicyValue{Value: o.text}
		bad = bad || !o.valid
		if o.pattern.variables {
			tokens, ok := o.pattern.resolve(nil, context)
			if ok {
				v.Substituted = spell(tokens)
			}
			unresolved = unresolved || !ok
		}
		for _, one := range out.Request {
			subject := newSubject(c.comparison, one)
			if c.comparison != unknownOperator && c.comparison != null && subject.valid && c.comparison.compare(&subject, o, context) == matched {
				v.Matched = true
			}
			bad = bad || !subject.valid
		}
		if c.comparison == null {
			v.Matched = o.valid && o.yes != value.Present
		}
		out.Values[i] = v
	}
	switch {
	case c.comparison == unknownOperator:
		out.Reason = "unknown_operator"
	case c.comparison == null && out.Matched:
		out.Reason = "matched"
	case c.comparison == null:
		out.Reason = "value_differs"
	case out.Absent && out.Matched:
		out.Reason = "matched_because_absent"
	case out.Absent:
		out.Reason = "key_absent"
	case out.Matched:
		out.Reason = "matched"
	case value.Multi && c.qualifier == single:
		out.Reason = "multi_needs_qualifier"
	case unresolved:
		out.Reason = "unresolved_variable"
	case bad:
		out.Reason = "bad_value"
	default:
		out.Reason = "value_differs"
	}
}

// spell writes resolved tokens as text again.
func spell(tokens []token) string {
	text := ""
	for i := range tokens {
		switch tokens[i].kind {
		case anyOne:
			text += "?"
		case anyRun:
			text += "*"
		default:
			text += tokens[i].text
		}
	}
	return text
}
