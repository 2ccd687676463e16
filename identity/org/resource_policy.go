package org

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// delegated answers whether an account that does not manage the organization may do what a says all the same: delegated administrators read, and the organization's
// resource policy lets its principals do what concerns policies (ORG-22, ORG-23, ORG-24). That policy is asked as any resource-based policy is for a caller of another
// account: the caller's own policies must allow it too. Fault: AccessDenied, if it denies or if the caller's own policies lack an Allow.
func (o *Organizations) delegated(ctx context.Context, f *Organization, account string, a access) (bool, error) {
	if a.by == readers {
		n := 0
		err := o.db.Row(ctx, `SELECT COUNT(*) FROM org_delegation WHERE organization = $1 AND account = $2`, sql.Args(f.ID, account), &n)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	if !slices.Contains(delegable(), a.action) {
		return false, nil
	}
	rules, err := o.resourcePolicy(ctx, f)
	if err != nil || rules == nil {
		return false, err
	}
	document, err := o.compile(rules.Content)
	if err != nil {
		return false, err
	}
	for _, id := range a.ids() {
		r, err := o.resource(ctx, f, &a, id)
		if err != nil {
			return false, err
		}
		r.Account, r.Policy = f.Management, &policy.Attached{Name: rules.ID, Policy: document}
		err = o.directory.Authorize(ctx, "organizations:"+a.action, &r)
		if d := iam.DecisionOf(err); d != nil && d.Layer == policy.LayerResource && !d.Explicit {
			return false, nil // the policy does not know this caller: it hears what every member hears
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// delegable are the actions that a resource policy can grant: to read, and to manage policies (ORG-23). Whoever it names, the tree and the accounts stay with the
// management account.
func delegable() []string {
	return []string{
		"AttachPolicy", "CreatePolicy", "DeletePolicy", "DescribeAccount", "DescribeCreateAccountStatus", "DescribeEffectivePolicy", "DescribeHandshake",
		"DescribeOrganization", "DescribeOrganizationalUnit", "DescribePolicy", "DescribeResourcePolicy", "DetachPolicy", "DisablePolicyType", "EnablePolicyType",
		"ListAWSServiceAccessForOrganization", "ListAccounts", "ListAccountsForParent", "ListChildren", "ListCreateAccountStatus", "ListDelegatedAdministrators",
		"ListDelegatedServicesForAccount", "ListHandshakesForAccount", "ListHandshakesForOrganization", "ListOrganizationalUnitsForParent", "ListParents",
		"ListPolicies", "ListPoliciesForTarget", "ListRoots", "ListTagsForResource", "ListTargetsForPolicy", "TagResource", "UntagResource", "UpdatePolicy",
	}
}

// ResourcePolicy is the resource-based policy of an organization: it delegates policy operations to member accounts (ORG-23).
type ResourcePolicy struct{ ID, ARN, Content string }

// resourcePolicy reads the organization's resource policy as it is stored, with unique ids; nil if there is none.
func (o *Organizations) resourcePolicy(ctx context.Context, f *Organization) (*ResourcePolicy, error) {
	p := &ResourcePolicy{}
	err := o.db.Row(ctx, `SELECT id, content FROM org_resource_policy WHERE organization = $1`, sql.Args(f.ID), &p.ID, &p.Content)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	p.ARN = f.ARNOf(p.ID)
	return p, err
}

// PutResourcePolicy makes or replaces the organization's resource policy. Users and roles that it names are meant as they are now: who is made later under the same
// name is not (IAMP-2.1). Faults: InvalidInput, OrganizationsNotInUse.
func (o *Organizations) PutResourcePolicy(ctx context.Context, content string, tags []Tag) (*ResourcePolicy, error) {
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	f, err := o.enter(ctx, access{action: "PutResourcePolicy", request: iam.Resource{RequestTags: tagMap(tags)}})
	if err != nil {
		return nil, err
	}
	if err := checkResourcePolicy(content); err != nil {
		return nil, err
	}
	stored, err := o.directory.Resolve(ctx, []byte(content))
	if fault.Is(err, fault.NoSuchEntity) {
		return nil, invalid("INVALID_PRINCIPAL", "You specified a resource-based policy with an invalid principal: %v.", fault.As(err).Detail)
	}
	if err != nil {
		return nil, err
	}
	p := &ResourcePolicy{Content: content}
	err = o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.stands(tx); err != nil {
			return err
		}
		if err := tx.Row(`INSERT INTO org_resource_policy (organization, id, content) VALUES ($1, $2, $3)
			ON CONFLICT (organization) DO UPDATE SET content = excluded.content RETURNING id`, sql.Args(f.ID, "rp-"+random(8), string(stored)), &p.ID); err != nil {
			return err
		}
		return putTags(tx, f.ID, p.ID, tags)
	})
	if err != nil {
		return nil, err
	}
	p.ARN = f.ARNOf(p.ID)
	return p, nil
}

// DescribeResourcePolicy returns the organization's resource policy. Faults: ResourcePolicyNotFound.
func (o *Organizations) DescribeResourcePolicy(ctx context.Context) (*ResourcePolicy, error) {
	f, err := o.enter(ctx, access{action: "DescribeResourcePolicy", by: readers})
	if err != nil {
		return nil, err
	}
	p, err := o.resourcePolicy(ctx, f)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, errNoResourcePolicy()
	}
	p.Content = string(o.directory.Render(ctx, []byte(p.Content)))
	return p, nil
}

// DeleteResourcePolicy takes back what the organization's resource policy delegated. Faults: ResourcePolicyNotFound.
func (o *Organizations) DeleteResourcePolicy(ctx context.Context) error {
	f, err := o.enter(ctx, access{action: "DeleteResourcePolicy"})
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		var id string
		err := tx.Row(`DELETE FROM org_resource_policy WHERE organization = $1 RETURNING id`, sql.Args(f.ID), &id)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoResourcePolicy()
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM org_tag WHERE organization = $1 AND resource = $2`, f.ID, id)
		return err
	})
}

func errNoResourcePolicy() error {
	return fault.New(fault.ResourcePolicyNotFound, "We can't find a resource policy request with the parameter that you specified.")
}

// checkResourcePolicy refuses a document that is no resource-based policy, or that names an action which cannot be delegated.
func checkResourcePolicy(content string) error {
	if text, cause := policy.Refuse([]byte(content), policy.ResourceBased); text != "" {
		return invalid("INVALID_RESOURCE_POLICY_JSON", "You provided a resource-based policy that is not valid (line %d, column %d: %s)", cause.Line, cause.Column, cause.Message)
	}
	var document struct{ Statement statements }
	if err := json.Unmarshal([]byte(content), &document); err != nil {
		return invalid("INVALID_RESOURCE_POLICY_JSON", "You provided a resource-based policy that contains invalid JSON.")
	}
	for _, s := range document.Statement {
		if len(s.Principal) == 0 {
			return invalid("INVALID_PRINCIPAL", "You specified a resource-based policy with an invalid principal: every statement must have one.")
		}
		if len(s.Action) == 0 {
			return invalid("UNSUPPORTED_ACTION_IN_RESOURCE_POLICY", "You specified a resource-based policy with a statement without Action.")
		}
		for _, action := range s.Action {
			if !grants(action) {
				return invalid("UNSUPPORTED_ACTION_IN_RESOURCE_POLICY", "You specified an unsupported action in the resource-based policy: %s.", action)
			}
		}
	}
	return nil
}

// grants reports whether an action of a resource policy names something that can be delegated. Only a * at the end stands for more.
func grants(action string) bool {
	service, name, _ := strings.Cut(strings.ToLower(action), ":")
	if service != "organizations" || name == "" {
		return false
	}
	prefix, open := strings.CutSuffix(name, "*")
	return slices.ContainsFunc(delegable(), func(d string) bool {
		d = strings.ToLower(d)
		return d == name || open && strings.HasPrefix(d, prefix)
	})
}

// statements reads what a resource policy grants to whom: the Statement of a policy may be one or a list, and so may its actions.
type statements []struct {
	Principal json.RawMessage
	Action    words
}

// UnmarshalJSON takes one statement as a list of one.
func (s *statements) UnmarshalJSON(data []byte) error {
	type plain statements
	if len(data) > 0 && data[0] == '{' {
		data = slices.Concat([]byte{'['}, data, []byte{']'})
	}
	return json.Unmarshal(data, (*plain)(s))
}

type words []string

// UnmarshalJSON takes one word as a list of one.
func (w *words) UnmarshalJSON(data []byte) error {
	type plain words
	if len(data) > 0 && data[0] == '"' {
		data = slices.Concat([]byte{'['}, data, []byte{']'})
	}
	return json.Unmarshal(data, (*plain)(w))
}
