package org_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const noPermission = "You don't have permissions to access this resource. (request id: r-1)"

// user makes a user with an inline policy, and answers the context of its requests.
func (w *world) user(account, name, statement string) context.Context {
	w.Helper()
	_, err := w.dir.CreateUser(w.as(account), iam.NewUser{Name: name})
	w.ok(err)
	w.ok(w.dir.PutInlinePolicy(w.as(account), iam.Ref{Kind: iam.KindUser, Name: name}, "p", document(statement)))
	key, err := w.dir.CreateAccessKey(w.as(account), name)
	w.ok(err)
	c, err := w.dir.Credential(w.Context(), key.ID, "", w.now)
	w.ok(err)
	return w.call(c.Principal)
}

// policyOperations are the operations on policies, as ctx's caller would make them.
func (w *world) policyOperations(ctx context.Context, id string) map[string]error {
	out := map[string]error{}
	_, out["DescribePolicy"] = w.orgs.Policy(ctx, id)
	_, _, out["ListPolicies"] = w.orgs.Policies(ctx, org.ServiceControlPolicy, org.Page{})
	_, _, out["ListPoliciesForTarget"] = w.orgs.PoliciesForTarget(ctx, w.top, org.ServiceControlPolicy, org.Page{})
	_, _, out["ListTargetsForPolicy"] = w.orgs.TargetsForPolicy(ctx, id, org.Page{})
	_, _, out["ListTagsForResource"] = w.orgs.Tags(ctx, id, org.Page{})
	_, out["CreatePolicy"] = w.orgs.CreatePolicy(ctx, org.NewPolicy{Name: "made by " + iam.From(ctx).Principal.ARN, Content: document(noDelete), Type: org.ServiceControlPolicy})
	_, out["UpdatePolicy"] = w.orgs.UpdatePolicy(ctx, id, org.PolicyChange{})
	out["AttachPolicy"] = w.orgs.AttachPolicy(ctx, id, w.top)
	out["DetachPolicy"] = w.orgs.DetachPolicy(ctx, id, w.top)
	out["TagResource"] = w.orgs.Tag(ctx, id, []org.Tag{{Key: "a", Value: "b"}})
	out["DeletePolicy"] = w.orgs.DeletePolicy(ctx, id)
	out["PutResourcePolicy"] = func() error {
		_, err := w.orgs.PutResourcePolicy(ctx, document(`{"Effect":"Allow","Principal":{"AWS":"`+member+`"},"Action":"organizations:*","Resource":"*"}`), nil)
		return err
	}()
	out["RegisterDelegatedAdministrator"] = w.orgs.RegisterDelegatedAdministrator(ctx, member, "ssm.amazonaws.com")
	out["EnableAWSServiceAccess"] = w.orgs.EnableServiceAccess(ctx, "ssm.amazonaws.com")
	return out
}

// granted asserts which of the operations went through; the others must have been refused with noPermission.
func (w *world) granted(got map[string]error, want ...string) {
	w.Helper()
	may := map[string]bool{}
	for _, name := range want {
		may[name] = true
	}
	for name, err := range got {
		switch {
		case may[name] && err != nil:
			w.Errorf("%s: %v", name, err)
		case !may[name] && (!fault.Is(err, fault.AccessDenied) || fault.As(err).Message != noPermission):
			w.Errorf("%s: got %v, want that nobody but the management account may", name, err)
		}
	}
}

// ORG-22, ORG-24: members may do nothing with policies; delegated administrators may look.
func TestDelegatedAdministratorsRead_ORG24(t *testing.T) {
	each(t, func(w *world) {
		w.enable(org.ServiceControlPolicy)
		id := w.policy(org.ServiceControlPolicy, "keep", document(noDelete))
		w.granted(w.policyOperations(w.as(member), id))
		w.ok(w.orgs.RegisterDelegatedAdministrator(w.as(manager), member, "config.amazonaws.com"))
		w.granted(w.policyOperations(w.as(member), id), "DescribePolicy", "ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy", "ListTagsForResource")
		// Not whoever is in that account: its own policies must say so too.
		ann := w.user(member, "ann", `{"Effect":"Allow","Action":"organizations:ListPolicies","Resource":"*"}`)
		_, _, err := w.orgs.Policies(ann, org.ServiceControlPolicy, org.Page{})
		w.ok(err)
		_, err = w.orgs.Policy(ann, id)
		w.refused(err, fault.AccessDenied, "is not authorized to perform: organizations:DescribePolicy on resource: arn:aws:organizations::"+manager+":policy/"+w.f.ID+"/service_control_policy/"+id)

		w.ok(w.orgs.DeregisterDelegatedAdministrator(w.as(manager), member, "config.amazonaws.com"))
		w.granted(w.policyOperations(w.as(member), id))
		for name, err := range w.policyOperations(w.as(stranger), id) {
			if !fault.Is(err, fault.OrganizationsNotInUse) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// ORG-23: the resource policy of the organization lets an account do what it names and no more, and is asked like any resource-based policy: both sides must allow, and a Deny counts.
func TestResourcePolicyDelegates_ORG23(t *testing.T) {
	each(t, func(w *world) {
		w.enable(org.ServiceControlPolicy)
		id := w.policy(org.ServiceControlPolicy, "keep", document(noDelete))
		put := func(statements string) {
			t.Helper()
			_, err := w.orgs.PutResourcePolicy(w.as(manager), document(statements), nil)
			w.ok(err)
		}
		all := `{"Effect":"Allow","Action":"organizations:*","Resource":"*"}`
		ann := w.user(member, "ann", all)
		put(`{"Effect":"Allow","Principal":{"AWS":"` + member + `"},"Action":["organizations:List*","organizations:UpdatePolicy","organizations:AttachPolicy"],"Resource":"*"}`)
		w.granted(w.policyOperations(ann, id), "ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy", "ListTagsForResource", "UpdatePolicy", "AttachPolicy")
		bob := w.user(member, "bob", `{"Effect":"Allow","Action":"organizations:List*","Resource":"*"}`)
		_, err := w.orgs.UpdatePolicy(bob, id, org.PolicyChange{})
		w.refused(err, fault.AccessDenied, "because no identity-based policy allows the organizations:UpdatePolicy action")

		// Everything that can be delegated, which is less than everything.
		put(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + member + `:user/ann"},"Action":"organizations:*","Resource":"*"}`)
		w.ok(w.orgs.DetachPolicy(w.as(manager), id, w.top))
		w.granted(w.policyOperations(ann, id), "DescribePolicy", "ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy", "ListTagsForResource", "CreatePolicy",
			"UpdatePolicy", "AttachPolicy", "DetachPolicy", "TagResource", "DeletePolicy")

		// Only policies of one type, and not on the root.
		keep := w.policy(org.ServiceControlPolicy, "kept", document(noDelete))
		put(`{"Effect":"Allow","Principal":{"AWS":"` + member + `"},"Action":["organizations:AttachPolicy","organizations:CreatePolicy"],"Resource":"*","Condition":{"StringEquals":{"organizations:PolicyType":"SERVICE_CONTROL_POLICY"}}},
			{"Effect":"Deny","Principal":{"AWS":"` + member + `"},"Action":"organizations:AttachPolicy","Resource":"arn:aws:organizations::*:root/*"}`)
		w.ok(w.orgs.AttachPolicy(ann, keep, w.deep))
		w.refused(w.orgs.AttachPolicy(ann, keep, w.f.Root), fault.AccessDenied, "with an explicit deny in a resource-based policy")
		_, err = w.orgs.CreatePolicy(ann, org.NewPolicy{Name: "tags", Content: `{}`, Type: "TAG_POLICY"})
		w.refused(err, fault.AccessDenied, noPermission)

		// Who is made again under the same name is somebody else.
		put(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + member + `:user/bob"},"Action":"organizations:ListPolicies","Resource":"*"}`)
		_, _, err = w.orgs.Policies(bob, org.ServiceControlPolicy, org.Page{})
		w.ok(err)
		rules, err := w.orgs.DescribeResourcePolicy(w.as(manager))
		w.ok(err)
		if want := document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + member + `:user/bob"},"Action":"organizations:ListPolicies","Resource":"*"}`); rules.Content != want {
			t.Errorf("shown as %s", rules.Content)
		}

		w.ok(w.orgs.DeleteResourcePolicy(w.as(manager)))
		_, _, err = w.orgs.Policies(bob, org.ServiceControlPolicy, org.Page{})
		w.refused(err, fault.AccessDenied, noPermission)
		_, err = w.orgs.DescribeResourcePolicy(w.as(manager))
		w.refused(err, fault.ResourcePolicyNotFound, "We can't find a resource policy")
		w.refused(w.orgs.DeleteResourcePolicy(w.as(manager)), fault.ResourcePolicyNotFound, "")
	})
}

// ORG-23: what cannot be delegated is refused when it is stored.
func TestResourcePolicyDocuments_ORG23(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	for _, c := range []struct{ content, reason string }{
		{`nonsense`, "INVALID_RESOURCE_POLICY_JSON"},
		{`{"Version":"2012-10-17"}`, "INVALID_RESOURCE_POLICY_JSON"},
		{document(`{"Effect":"Allow","Principal":{"AWS":"` + member + `"},"Action":"organizations:CreateAccount","Resource":"*"}`), "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		{document(`{"Effect":"Allow","Principal":{"AWS":"` + member + `"},"Action":"organizations:Invite*","Resource":"*"}`), "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		{document(`{"Effect":"Allow","Principal":{"AWS":"` + member + `"},"Action":"*","Resource":"*"}`), "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		{document(`{"Effect":"Allow","Principal":{"AWS":"` + member + `"},"Action":["organizations:ListRoots","ecr:*"],"Resource":"*"}`), "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		{document(`{"Effect":"Allow","Principal":{"AWS":"` + member + `"},"NotAction":"organizations:ListRoots","Resource":"*"}`), "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"},
		{document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + member + `:user/nobody"},"Action":"organizations:ListRoots","Resource":"*"}`), "INVALID_PRINCIPAL"},
		{document(`{"Effect":"Allow","Action":"organizations:ListRoots","Resource":"*"}`), "INVALID_PRINCIPAL"},
	} {
		_, err := w.orgs.PutResourcePolicy(w.as(manager), c.content, nil)
		if f := fault.As(err); f == nil || f.Code != fault.InvalidInput || fmt.Sprint(f.Detail) != "{"+c.reason+"}" {
			t.Errorf("%s: got %v, want %s", c.content, err, c.reason)
		}
	}
}

// ORG-22: who administers what, and what is refused.
func TestDelegatedAdministrators_ORG22(t *testing.T) {
	each(t, func(w *world) {
		m := w.as(manager)
		w.ok(w.orgs.RegisterDelegatedAdministrator(m, member, "ssm.amazonaws.com"))
		w.ok(w.orgs.RegisterDelegatedAdministrator(m, member, "guardduty.amazonaws.com"))
		w.refused(w.orgs.RegisterDelegatedAdministrator(m, member, "ssm.amazonaws.com"), fault.AccountAlreadyRegistered, "The provided account is already a delegated administrator for your organization.")
		w.refused(w.orgs.RegisterDelegatedAdministrator(m, manager, "ssm.amazonaws.com"), fault.ConstraintViolation,
			"You cannot register master account/yourself as delegated administrator for your organization.")
		w.refused(w.orgs.RegisterDelegatedAdministrator(m, stranger, "ssm.amazonaws.com"), fault.AccountNotFound, "You specified an account that doesn't exist.")
		w.refused(w.orgs.RegisterDelegatedAdministrator(m, member, "builder.amazonaws.com"), fault.InvalidInput, "You specified an unrecognized service principal.")
		w.refused(w.orgs.DeregisterDelegatedAdministrator(m, member, "config.amazonaws.com"), fault.AccountNotRegistered,
			"The provided account is not a registered delegated administrator for your organization.")
		w.refused(w.orgs.DeregisterDelegatedAdministrator(m, stranger, "ssm.amazonaws.com"), fault.AccountNotFound, "")

		list, next, err := w.orgs.DelegatedAdministrators(m, "", org.Page{})
		w.ok(err)
		if len(list) != 1 || next != "" || list[0].ID != member || list[0].Email == "" || list[0].ARN != w.f.ARNOf(member) || !list[0].Since.Equal(w.now) {
			t.Errorf("administrators %+v, %q", list, next)
		}
		list, _, err = w.orgs.DelegatedAdministrators(m, "config.amazonaws.com", org.Page{})
		w.ok(err)
		if len(list) != 0 {
			t.Errorf("administrators of a service that nobody administers: %+v", list)
		}
		_, _, err = w.orgs.DelegatedAdministrators(m, "nothing", org.Page{})
		w.refused(err, fault.InvalidInput, "You specified an unrecognized service principal.")
		services, next, err := w.orgs.DelegatedServices(m, member, org.Page{Max: 1})
		w.ok(err)
		more, last, err := w.orgs.DelegatedServices(m, member, org.Page{Max: 1, After: next})
		w.ok(err)
		if len(services) != 1 || services[0].Principal != "guardduty.amazonaws.com" || len(more) != 1 || more[0].Principal != "ssm.amazonaws.com" || last != "" {
			t.Errorf("services %v, then %v, %q", services, more, last)
		}
		_, _, err = w.orgs.DelegatedServices(m, stranger, org.Page{})
		w.refused(err, fault.AccountNotFound, "")
		_, _, err = w.orgs.DelegatedServices(m, manager, org.Page{})
		w.refused(err, fault.AccountNotRegistered, "")

		w.ok(w.orgs.EnableServiceAccess(m, "ssm.amazonaws.com"))
		w.ok(w.orgs.EnableServiceAccess(m, "ssm.amazonaws.com"))
		w.refused(w.orgs.EnableServiceAccess(m, "builder.amazonaws.com"), fault.InvalidInput, "You specified an unrecognized service principal.")
		_, _, err = w.dir.CreateService(m, "builder.amazonaws.com") // one of this installation's own
		w.ok(err)
		w.ok(w.orgs.EnableServiceAccess(m, "builder.amazonaws.com"))
		w.ok(w.orgs.DisableServiceAccess(m, "builder.amazonaws.com"))
		trusted, _, err := w.orgs.ServiceAccess(m, org.Page{})
		w.ok(err)
		if len(trusted) != 1 || trusted[0].Principal != "ssm.amazonaws.com" || !trusted[0].Enabled.Equal(w.now) {
			t.Errorf("trusted %v", trusted)
		}
		w.refused(w.orgs.DisableServiceAccess(m, "ssm.amazonaws.com"), fault.ConstraintViolation, "delegated administrators")
		w.ok(w.orgs.DeregisterDelegatedAdministrator(m, member, "ssm.amazonaws.com"))
		w.ok(w.orgs.DisableServiceAccess(m, "ssm.amazonaws.com"))
		trusted, _, err = w.orgs.ServiceAccess(m, org.Page{})
		w.ok(err)
		if len(trusted) != 0 {
			t.Errorf("trusted %v", trusted)
		}
	})
}

// ORG-23: tags on root, unit, account and policy, as conditions see them too.
func TestTags_ORG23(t *testing.T) {
	each(t, func(w *world) {
		m := w.as(manager)
		id := w.policy(org.ServiceControlPolicy, "keep", document(noDelete))
		for _, target := range []string{w.f.Root, w.top, member, id} {
			w.ok(w.orgs.Tag(m, target, []org.Tag{{Key: "team", Value: "blue"}, {Key: "Team", Value: "red"}}))
			w.ok(w.orgs.Tag(m, target, []org.Tag{{Key: "team", Value: "green"}}))
			tags, _, err := w.orgs.Tags(m, target, org.Page{})
			w.ok(err)
			if fmt.Sprint(tags) != "[{Team red} {team green}]" {
				t.Errorf("tags of %s: %v", target, tags)
			}
			w.ok(w.orgs.Untag(m, target, []string{"Team", "absent"}))
		}
		for _, target := range []string{"r-0000", "ou-0000-00000000", stranger, "p-00000000", "rp-00000000", "p-FullAWSAccess"} {
			w.refused(w.orgs.Tag(m, target, []org.Tag{{Key: "a", Value: "b"}}), fault.TargetNotFound, "You specified a target that doesn't exist.")
			w.refused(w.orgs.Untag(m, target, []string{"a"}), fault.TargetNotFound, "You specified a target that doesn't exist.")
			_, _, err := w.orgs.Tags(m, target, org.Page{})
			w.refused(err, fault.TargetNotFound, "You specified a target that doesn't exist.")
		}
		w.refused(w.orgs.Tag(m, w.top, []org.Tag{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}}), fault.InvalidInput, "unique")
		w.refused(w.orgs.Tag(m, w.top, []org.Tag{{Key: "aws:a", Value: "1"}}), fault.InvalidInput, "system tag")
		many := make([]org.Tag, 50)
		for i := range many {
			many[i] = org.Tag{Key: fmt.Sprint("k", i)}
		}
		w.refused(w.orgs.Tag(m, w.top, many), fault.ConstraintViolation, "exceeded the number of tags")
		w.ok(w.orgs.Tag(m, w.top, many[:49]))

		ann := w.user(manager, "ann", `{"Effect":"Allow","Action":"organizations:DescribePolicy","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"green","organizations:PolicyType":"SERVICE_CONTROL_POLICY"}}}`)
		_, err := w.orgs.Policy(ann, id)
		w.ok(err)
		w.ok(w.orgs.Untag(m, id, []string{"team"}))
		_, err = w.orgs.Policy(ann, id)
		w.refused(err, fault.AccessDenied, "because no identity-based policy allows the organizations:DescribePolicy action")
	})
}
