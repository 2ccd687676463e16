package policy

import "slices"

// lift makes a statement that denies the request not apply to it any more.
func (a *adviser) lift(e *evaluation, d *Decision, at *Attached) {
	var where place
	a.set.each(func(p place, one *Attached) bool {
		where = p
		return one != at
	})
	c := Change{Kind: ChangeNarrow}
	c.describe(where, at, d.Statement)
	s := &at.Policy.statements[d.Statement]
	if a.avoid(c, where, at, s) {
		return
	}
	if at.editable() {
		if root, n := statementNode(at.Policy.source, d.Statement); n != nil {
			if a.except(c, e, where, at, s, n) || a.take(c, e, where, at, s, n) {
				return
			}
			if statements := root.get("Statement"); statements.kind == kindArray && len(statements.items) > 1 {
				c.Kind, c.Text = ChangeRemove, "Remove "+c.statement(where, at)+", or except this caller from it by a condition on aws:PrincipalArn."
				if a.edit(c, at, statements.withoutItems(at.Policy.source, func(i int) bool { return i == d.Statement })) {
					return
				}
			}
		}
	}
	c.Kind, c.Text = ChangeDetach, "Detach "+where.call(at)+", whose statement "+itoa(d.Statement)+" denies this request."
	a.changes = append(a.changes, c)
	a.set.detach(at)
}

// detach takes a policy off.
func (s *Set) detach(at *Attached) {
	if s.Resource == at {
		s.Resource = nil
		return
	}
	if s.Registry == at {
		s.Registry = nil
		return
	}
	from := func(list *[]Attached) {
		for i := range *list {
			if &(*list)[i] == at {
				*list = slices.Delete(slices.Clone(*list), i, i+1)
				return
			}
		}
	}
	for _, list := range []*[]Attached{&s.Identity, &s.Boundary, &s.Session, &s.Endpoint} {
		from(list)
	}
	for _, levels := range [][]Level{s.SCP, s.RCP} {
		for i := range levels {
			from(&levels[i].Policies)
		}
	}
}

// avoid looks for a condition of a Deny that the request could fail.
func (a *adviser) avoid(c Change, where place, at *Attached, s *statement) bool {
	for i := range s.conditions {
		cond := &s.conditions[i]
		var result ConditionResult
		cond.explain(&room{}, &result, &a.overlay)
		if !a.change([]*condition{cond}, false) {
			continue
		}
		c.Kind, c.Conditions, c.values = ChangeFulfil, []ConditionResult{result}, a.overlay.values
		c.Text = "Send the request so that the condition " + result.say() + " does not hold: with it, " + c.statement(where, at) + " denies."
		a.changes = append(a.changes, c)
		return true
	}
	return false
}

// except adds the request to what a Deny excepts already.
func (a *adviser) except(c Change, e *evaluation, where place, at *Attached, s *statement, n *node) bool {
	into := func(value *node, name, literal string) bool {
		if value == nil {
			return false
		}
		c.Text = "Add " + literal + " to the " + name + " of " + c.statement(where, at) + "."
		return a.edit(c, at, value.withItem(at.Policy.source, literal))
	}
	if s.notActions && into(n.get("NotAction"), "NotAction", quoted(e.request.Action)) {
		return true
	}
	if s.notResources && e.target.arn && into(n.get("NotResource"), "NotResource", quoted(e.request.Resource)) {
		return true
	}
	for i := range s.conditions {
		cond := &s.conditions[i]
		value, ofCaller := PrincipalValue(e.request.Principal, cond.key)
		if !ofCaller || !cond.negated || !value.Present || value.Multi || lookup(e.request.Context, cond.key).One != value.One {
			continue
		}
		if operator := n.get("Condition").get(cond.written); operator != nil && into(operator.get(cond.name), cond.written+" "+cond.name, quoted(value.One)) {
			return true
		}
	}
	if key, value, ok := e.request.Principal.element(); ok && s.notPrincipals && !e.set.HasBoundary {
		if element := n.get("NotPrincipal"); element != nil && element.kind == kindObject {
			return into(element.get(key), "NotPrincipal", quoted(value))
		}
	}
	return false
}

// take takes the request's action, resource or caller out of the list of a Deny, where it is named as such beside others.
func (a *adviser) take(c Change, e *evaluation, where place, at *Attached, s *statement, n *node) bool {
	without := func(value *node, name string, hit func(text string) (meets, exactly bool)) bool {
		if value == nil || value.kind != kindArray {
			return false
		}
		out := map[int]bool{}
		taken := ""
		for i := range value.items {
			if meets, exactly := hit(value.items[i].text); meets && !exactly {
				return false
			} else if meets {
				out[i], taken = true, value.items[i].text
			}
		}
		if len(out) == 0 || len(out) == len(value.items) {
			return false
		}
		c.Text = "Remove " + quoted(taken) + " from the " + name + " of " + c.statement(where, at) + "."
		return a.edit(c, at, value.withoutItems(at.Policy.source, func(i int) bool { return out[i] }))
	}
	if !s.notActions && without(n.get("Action"), "Action", func(text string) (bool, bool) {
		v := compileAction(text)
		return v.matches(e.request.Action, e.colon), v.exact != ""
	}) {
		return true
	}
	if s.hasResource && !s.notResources && without(n.get("Resource"), "Resource", func(text string) (bool, bool) {
		return text == "*" || text == e.request.Resource, text == e.request.Resource && text != "*"
	}) {
		return true
	}
	if element := n.get("Principal"); element != nil && element.kind == kindObject {
		key, _, _ := e.request.Principal.element()
		return without(element.get(key), "Principal", func(text string) (bool, bool) {
			v := compileAWS(text)
			if key == "Service" {
				v = principalPattern{kind: serviceName, text: text}
			}
			return v.names(e.request.Principal) != unnamed, v.kind != everyone && v.kind != account
		})
	}
	return false
}
