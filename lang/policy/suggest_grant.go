package policy

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

func itoa(i int) string { return strconv.Itoa(i) }

// grant makes the layer allow the request that allows nothing of it.
func (a *adviser) grant(e *evaluation, layer Layer) bool {
	r := e.request
	var near []candidate
	missing := a.missingLevel(e, layer)
	a.set.each(func(where place, at *Attached) bool {
		if where.layer == layer && (missing == nil || contains(missing.Policies, at)) || layer == LayerResource && where.layer == LayerRegistry {
			near = e.candidates(near, where, at)
		}
		return true
	})
	switch layer {
	case LayerRCP:
		return a.attachControl(missing)
	case LayerResource, LayerTrust:
		if !e.grantable() {
			return false
		}
	}
	slices.SortStableFunc(near, func(x, y candidate) int { return x.failing - y.failing })
	for i := range near {
		if a.fulfil(e, &near[i]) || a.extend(e, &near[i]) {
			return true
		}
	}
	// No statement is near: the request gets one of its own.
	where, statement := place{layer: layer}, r.allowing(layer)
	var into *Attached
	switch layer {
	case LayerSCP:
		where.target = missing.Target
		missing.Policies = append(missing.Policies, Attached{Policy: emptyPolicy()})
		into = &missing.Policies[len(missing.Policies)-1]
	case LayerResource, LayerTrust:
		if into = a.set.Resource; !e.resourcePolicyApplies() {
			where.layer, into, statement = LayerRegistry, a.set.Registry, r.allowing(LayerRegistry)
		}
		if into == nil {
			into = &Attached{Policy: emptyPolicy()}
			if where.layer == LayerRegistry {
				a.set.Registry = into
			} else {
				a.set.Resource = into
			}
		}
	case LayerIdentity:
		a.set.Identity = append(a.set.Identity, Attached{Policy: emptyPolicy()})
		into = &a.set.Identity[len(a.set.Identity)-1]
	case LayerBoundary:
		into = editableOf(&a.set.Boundary)
	case LayerSession:
		a.set.HasSession = true
		into = editableOf(&a.set.Session)
	default:
		into = editableOf(&a.set.Endpoint)
	}
	return a.addTo(where, into, statement)
}

func emptyPolicy() *Policy {
	return &Policy{source: `{"Version": "2012-10-17", "Statement": []}`}
}

// editableOf returns a policy of the layer that can be changed, if need be a new one.
func editableOf(list *[]Attached) *Attached {
	for i := range *list {
		if (*list)[i].editable() && (*list)[i].Policy.Statements() > 0 {
			return &(*list)[i]
		}
	}
	*list = append(*list, Attached{Policy: emptyPolicy()})
	return &(*list)[len(*list)-1]
}

// addTo appends a statement to a policy.
func (a *adviser) addTo(where place, into *Attached, statement string) bool {
	c := Change{Kind: ChangeAdd, Layer: where.layer, Target: where.target, Policy: into.Name, PolicyARN: into.ARN, Statement: -1, Add: json.RawMessage(statement)}
	switch {
	case into.Policy.Statements() > 0:
		c.Text = "Add a statement to " + where.call(into) + ": " + statement
	case where.target != "":
		c.Text = "Attach to " + where.target + " a " + where.layer.Noun() + " with the statement " + statement
	default:
		c.Text = "Add " + where.layer.withArticle() + " with the statement " + statement
	}
	root, _ := statementNode(into.Policy.source, 0)
	change := root.withMember("Statement", "["+statement+"]")
	if list := root.get("Statement"); list != nil {
		change = list.withItem(into.Policy.source, statement)
	}
	return a.edit(c, into, change)
}

// attachControl puts RCPFullAWSAccess back: no other RCP can allow (IAMP-3 step 3).
func (a *adviser) attachControl(level *Level) bool {
	const statement = `{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}`
	const document = `{"Version": "2012-10-17", "Statement": [` + statement + `]}`
	all := Attached{Name: "RCPFullAWSAccess", ARN: "arn:aws:organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess"}
	all.Policy, _ = Parse([]byte(document))
	level.Policies = append(level.Policies, all)
	a.changes = append(a.changes, Change{
		Kind: ChangeControl, Layer: LayerRCP, Target: level.Target, Policy: all.Name, PolicyARN: all.ARN, Statement: -1,
		Add: json.RawMessage(statement), Document: json.RawMessage(document),
		Text: "Attach RCPFullAWSAccess to " + level.Target + ": no resource control policy there allows this request.",
	})
	return true
}

// missingLevel is the outermost level of an SCP or RCP that allows nothing of the request.
func (a *adviser) missingLevel(e *evaluation, layer Layer) *Level {
	levels, kind := a.set.SCP, scpLayer
	switch layer {
	case LayerSCP:
	case LayerRCP:
		levels, kind = a.set.RCP, rcpLayer
	default:
		return nil
	}
	for i := range levels {
		if allow, _ := e.scan(levels[i].Policies, kind); !allow.found() {
			return &levels[i]
		}
	}
	return nil
}

func contains(list []Attached, at *Attached) bool {
	for i := range list {
		if &list[i] == at {
			return true
		}
	}
	return false
}

// grantable reports whether some policy of a resource could ever grant the request.
func (e *evaluation) grantable() bool {
	r := e.request
	switch {
	case r.Principal.Type == Anonymous || e.set.Trust && r.Principal.Type == Root || e.colon < 0:
		return false
	case e.set.Trust:
		return true
	case !e.resourcePolicyApplies():
		return e.registryPolicyApplies()
	}
	switch lowerASCII(r.Action[:e.colon]) {
	case "iam", "organizations", "sts":
		return false // their objects have no policies
	}
	return true
}

// candidate is an Allow that does not apply.
type candidate struct {
	where   place
	at      *Attached
	index   int
	failing int
	result  StatementResult
}

func (e *evaluation) candidates(near []candidate, where place, at *Attached) []candidate {
	if at.Policy == nil || where.kind == resourceLayer && !e.resourcePolicyApplies() || where.kind == registryLayer && !e.registryPolicyApplies() {
		return near
	}
	for i := range at.Policy.statements {
		if s := &at.Policy.statements[i]; s.effect == allow {
			c := candidate{where: where, at: at, index: i}
			e.explainStatement(&room{}, &c.result, at, i, s, where.kind)
			c.failing = c.result.failing()
			near = append(near, c)
		}
	}
	return near
}

// fulfil asks for other conditions, where nothing else keeps a statement from allowing the request.
func (a *adviser) fulfil(e *evaluation, n *candidate) bool {
	s := &n.at.Policy.statements[n.index]
	var unmet []*condition
	c := Change{Kind: ChangeFulfil}
	for i := range n.result.Conditions {
		if !n.result.Conditions[i].Matched {
			unmet = append(unmet, &s.conditions[i])
			c.Conditions = append(c.Conditions, n.result.Conditions[i])
		}
	}
	if len(unmet) == 0 || n.failing > len(unmet) || !a.change(unmet, true) {
		return false
	}
	c.describe(n.where, n.at, n.index)
	var list []string
	for i := range c.Conditions {
		list = append(list, c.Conditions[i].say())
	}
	c.values = a.overlay.values
	c.Text = "Meet the condition " + strings.Join(list, " and ") + ": then " + c.statement(n.where, n.at) + " allows the request."
	a.changes = append(a.changes, c)
	return true
}

// extend adds the one element that a statement lacks.
func (a *adviser) extend(e *evaluation, n *candidate) bool {
	if n.failing != 1 || !n.at.editable() {
		return false
	}
	_, statement := statementNode(n.at.Policy.source, n.index)
	if statement == nil {
		return false
	}
	c := Change{Kind: ChangeExtend}
	c.describe(n.where, n.at, n.index)
	into := func(value *node, name, text string) bool {
		if value == nil {
			return false
		}
		c.Text = "Add " + quoted(text) + " to the " + name + " of " + c.statement(n.where, n.at) + "."
		return a.edit(c, n.at, value.withItem(n.at.Policy.source, quoted(text)))
	}
	r := e.request
	switch {
	case !n.result.Action.Matched:
		return n.result.Action.Element == "Action" && e.sameService(&n.at.Policy.statements[n.index]) && into(statement.get("Action"), "Action", r.Action)
	case !n.result.Resource.Matched:
		return n.result.Resource.Element == "Resource" && e.target.arn && into(statement.get("Resource"), "Resource", r.Resource)
	case n.result.Principal != nil && !n.result.Principal.Matched:
		return n.result.Principal.Element == "Principal" && a.extendPrincipal(c, n, statement.get("Principal"), r.Principal)
	}
	// A condition on who calls, whom the request cannot change.
	for i := range n.result.Conditions {
		result, cond := &n.result.Conditions[i], &n.at.Policy.statements[n.index].conditions[i]
		if value, ofCaller := PrincipalValue(r.Principal, cond.key); !result.Matched && ofCaller && value.Present && !value.Multi {
			operator := statement.get("Condition").get(result.Operator)
			return !cond.negated && cond.comparison.takesText() && operator != nil && into(operator.get(result.Key), result.Operator+" "+result.Key, value.One)
		}
	}
	return false
}

// sameService reports whether a statement is about the service of the request: one about others is not near, though but one part of it differs.
func (e *evaluation) sameService(s *statement) bool {
	for i := range s.actions {
		if service, _, ok := strings.Cut(s.actions[i].text, ":"); ok && e.colon > 0 && equalFoldASCII(service, e.request.Action[:e.colon]) {
			return true
		}
	}
	return false
}

// takesText reports whether the text of a value, put beside the others of a condition, fulfils it.
func (c comparison) takesText() bool {
	return c == stringEquals || c == stringEqualsIgnoreCase || c == stringLike || c == arnLike
}

// extendPrincipal lets one more caller in, unless whoever calls is trusted only on conditions of their own.
func (a *adviser) extendPrincipal(c Change, n *candidate, element *node, p *Principal) bool {
	key, value, ok := p.element()
	if !ok || key != "AWS" || element == nil || element.kind != kindObject {
		return false
	}
	c.Text = "Add " + quoted(value) + " to the Principal of " + c.statement(n.where, n.at) + "."
	if list := element.get(key); list != nil {
		return a.edit(c, n.at, list.withItem(n.at.Policy.source, quoted(value)))
	}
	return a.edit(c, n.at, element.withMember(key, quoted(value)))
}

// element is how a Principal element names the caller and nobody else; a session is named by its role.
func (p *Principal) element() (key, value string, ok bool) {
	switch p.Type {
	case Service:
		return "Service", p.ARN, true
	case WebIdentity:
		return "Federated", p.Provider, true
	case Anonymous:
		return "", "", false
	case AssumedRole:
		if p.RoleARN != "" {
			return "AWS", p.RoleARN, true
		}
	}
	return "AWS", p.ARN, true
}

// allowing writes the least statement that allows the request in a policy of the layer.
func (r *Request) allowing(layer Layer) string {
	var b strings.Builder
	b.WriteString(`{"Effect": "Allow"`)
	resource, named := r.Resource, false
	switch layer {
	case LayerResource, LayerTrust:
		resource, named = "", true // it is the one that the policy hangs on
	case LayerRegistry:
		named = true
	case LayerEndpoint:
		b.WriteString(`, "Principal": "*"`)
	case LayerSCP:
		resource = "*"
	}
	if named {
		key, value, _ := r.Principal.element()
		b.WriteString(`, "Principal": {` + quoted(key) + ": " + quoted(value) + "}")
	}
	b.WriteString(`, "Action": ` + quoted(r.Action))
	if layer != LayerResource && layer != LayerTrust {
		if !newTarget(resource).arn {
			resource = "*" // an action without resource matches nothing else (IAMP-2)
		}
		b.WriteString(`, "Resource": ` + quoted(resource))
	}
	if named {
		b.WriteString(r.sourceConditions())
	}
	return b.String() + "}"
}

// sourceConditions hold a service to whom it acts for and a token to whom it was issued: without them every customer of the service, or every holder of
// a token of the provider, would be let in (H83).
func (r *Request) sourceConditions() string {
	var keys []string
	switch r.Principal.Type {
	case Service:
		keys = []string{"aws:SourceAccount", "aws:SourceArn"}
	case WebIdentity:
		_, host, _ := strings.Cut(r.Principal.Provider, ":oidc-provider/")
		if host == "" {
			host = r.Principal.Provider
		}
		keys = []string{host + ":aud", host + ":sub"}
	}
	var list []string
	for _, key := range keys {
		if v := lookup(r.Context, strings.ToLower(key)); v.Present && !v.Multi && v.One != "" {
			list = append(list, quoted(key)+": "+quoted(v.One))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return `, "Condition": {"StringEquals": {` + strings.Join(list, ", ") + "}}"
}
