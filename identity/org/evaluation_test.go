package org_test

import (
	"context"
	"strings"
	"testing"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const (
	noDelete = `{"Effect":"Deny","Action":"ecr:DeleteRepository","Resource":"*"}`
	ownPull  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`
)

func scpARN(w *world, id string) string {
	return "arn:aws:organizations::" + manager + ":policy/" + w.f.ID + "/service_control_policy/" + id
}

// IAM-9: a simulation tells of one's own organization alone. A simulated caller, or the owner of a resource, in another account is subject to no SCP and no RCP, and is in no
// organization: else anybody could try out what those of others say.
func TestSimulationKeepsToTheOwnAccount_IAM9(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.enable(org.ServiceControlPolicy, org.ResourceControlPolicy)
	w.policy(org.ServiceControlPolicy, "no deleting", document(noDelete), w.top)
	w.policy(org.ResourceControlPolicy, "no pushing", document(`{"Effect":"Deny","Principal":"*","Action":"ecr:PutImage","Resource":"arn:aws:ecr:*:*:repository/secret"}`), w.top)
	nobody := "arn:aws:iam::" + member + ":user/nobody"
	secret := "arn:aws:ecr:us-east-2:" + member + ":repository/secret"
	inTree := `,"Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"` + w.f.ID + `/*"}}`
	ofOrg := `,"Condition":{"StringEquals":{"aws:ResourceOrgID":"` + w.f.ID + `"}}`
	for _, c := range []struct {
		asks                         string
		caller, action, resource     string
		owner, condition             string
		want                         iam.Outcome
		organization, byOrganization bool
	}{
		{stranger, nobody, "ecr:DeleteRepository", "*", "", "", iam.Allowed, false, true},
		{stranger, nobody, "ecr:CreateRepository", "*", "", inTree, iam.ImplicitDeny, false, true},
		{stranger, nobody, "ecr:PutImage", secret, "", "", iam.Allowed, false, true},
		{stranger, "arn:aws:iam::" + stranger + ":user/ann", "ecr:PutImage", secret, "", "", iam.ImplicitDeny, false, true},
		{stranger, "arn:aws:iam::" + member + ":user/nobody", "ecr:PutImage", "*", member, ofOrg, iam.ImplicitDeny, false, true},
		{manager, nobody, "ecr:DeleteRepository", "*", "", "", iam.Allowed, false, true},
		{member, nobody, "ecr:DeleteRepository", "*", "", "", iam.ExplicitDeny, true, false},
		{member, nobody, "ecr:CreateRepository", "*", "", inTree, iam.Allowed, true, true},
		{member, "", "ecr:PutImage", secret, "", "", iam.ExplicitDeny, true, false},
		{member, "arn:aws:iam::" + stranger + ":user/ann", "ecr:PutImage", secret, "", "", iam.ExplicitDeny, true, false},
	} {
		got, _, err := w.dir.SimulateCustom(w.as(c.asks), iam.Simulation{
			CallerARN: c.caller, Owner: c.owner, Actions: []string{c.action}, Resources: []string{c.resource}, Policies: []string{document(`{"Effect":"Allow","Action":"*","Resource":"*"` + c.condition + `}`)},
		}, iam.Page{})
		w.ok(err)
		if one := got[0]; one.Outcome != c.want || one.Organization != c.organization || one.ByOrganization != c.byOrganization {
			t.Errorf("%+v: %s, organization %v, by it %v", c, one.Outcome, one.Organization, one.ByOrganization)
		}
	}
}

// ORG-27, IAMP-3 step 2: an SCP on a unit binds everybody in the accounts below it, the root user too, wherever the resource is; not the management account, not
// outsiders, not service-linked roles, not services.
func TestServiceControlPolicyBindsTheAccountsBelow_ORG27(t *testing.T) {
	each(t, func(w *world) {
		w.enable(org.ServiceControlPolicy)
		w.allowed(w.may(w.as(member), "ecr:DeleteRepository", member))
		id := w.policy(org.ServiceControlPolicy, "no deleting", document(noDelete), w.top)
		named := " with an explicit deny in a service control policy: " + scpARN(w, id)
		w.denied(w.may(w.as(member), "ecr:DeleteRepository", member), named)
		w.allowed(w.may(w.as(member), "ecr:BatchGetImage", member))
		w.allowed(w.may(w.as(manager), "ecr:DeleteRepository", manager))

		// Wherever the resource is: the ARN of the policy is shown inside the organization only (IAMP-5).
		w.denied(w.may(w.as(member), "ecr:DeleteRepository", manager, ownPull), named)
		w.denied(w.may(w.as(member), "ecr:DeleteRepository", stranger, ownPull), " with an explicit deny in a service control policy")
		w.allowed(w.may(w.as(stranger), "ecr:DeleteRepository", member, ownPull))

		role := &policy.Principal{Type: policy.AssumedRole, ARN: "arn:aws:sts::" + member + ":assumed-role/AWSServiceRoleForECRReplication/s", Account: member, ServiceLinked: true}
		w.allowed(w.may(w.call(role), "ecr:DeleteRepository", member, ownPull))
		// A service principal is bound, a service-linked role is not, though guides take the one for the other (trap 24).
		service := &policy.Principal{Type: policy.Service, ARN: "codebuild.amazonaws.com"}
		w.allowed(w.may(w.call(service), "ecr:DeleteRepository", member, ownPull))

		// It binds from the very next request on, and no longer than it hangs there (ORG-8).
		w.ok(w.orgs.DetachPolicy(w.as(manager), id, w.top))
		w.allowed(w.may(w.as(member), "ecr:DeleteRepository", member))
		w.ok(w.orgs.AttachPolicy(w.as(manager), id, member))
		w.denied(w.may(w.as(member), "ecr:DeleteRepository", member), named)
		content := document(`{"Effect":"Deny","Action":"ecr:PutImage","Resource":"*"}`)
		_, err := w.orgs.UpdatePolicy(w.as(manager), id, org.PolicyChange{Content: &content})
		w.ok(err)
		w.allowed(w.may(w.as(member), "ecr:DeleteRepository", member))
		w.denied(w.may(w.as(member), "ecr:PutImage", member), named)
		_, err = w.orgs.DisablePolicyType(w.as(manager), w.f.Root, org.ServiceControlPolicy)
		w.ok(err)
		w.allowed(w.may(w.as(member), "ecr:PutImage", member))
	})
}

// ORG-27: at each level some policy must allow. Where nothing does, that is a denial though no statement denies.
func TestEachLevelMustAllow_ORG27(t *testing.T) {
	each(t, func(w *world) {
		w.enable(org.ServiceControlPolicy)
		regions := w.policy(org.ServiceControlPolicy, "two regions",
			document(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}}}`), w.deep)
		elsewhere := w.as(member)
		iam.From(elsewhere).Region = "eu-west-1"
		w.allowed(w.may(elsewhere, "ecr:BatchGetImage", member))
		w.ok(w.orgs.DetachPolicy(w.as(manager), "p-FullAWSAccess", w.deep))
		w.denied(w.may(elsewhere, "ecr:BatchGetImage", member), " with an explicit deny in a service control policy")
		w.allowed(w.may(w.as(member), "ecr:BatchGetImage", member))

		// What one level allows, another must too; within a level one policy is enough.
		reading := w.policy(org.ServiceControlPolicy, "reading", document(`{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}`), w.top, w.deep)
		w.ok(w.orgs.DetachPolicy(w.as(manager), "p-FullAWSAccess", w.top))
		w.allowed(w.may(elsewhere, "ecr:BatchGetImage", member))
		w.denied(w.may(w.as(member), "ecr:PutImage", member), " with an explicit deny in a service control policy")
		w.ok(w.orgs.DetachPolicy(w.as(manager), regions, w.deep))
		w.allowed(w.may(elsewhere, "ecr:BatchGetImage", member))

		explained := levels(w)
		want := w.f.Root + "[FullAWSAccess] " + w.top + "[reading] " + w.deep + "[reading] " + member + "[FullAWSAccess]"
		if explained != want {
			w.Errorf("levels are %s, want %s", explained, want)
		}
		_ = reading
	})
}

// levels are the SCP levels of the member as explain shows them.
func levels(w *world) string {
	var out []string
	for _, l := range w.levels(member) {
		var names []string
		for _, p := range l.Policies {
			names = append(names, p.Name)
		}
		out = append(out, l.Target+"["+strings.Join(names, ",")+"]")
	}
	return strings.Join(out, " ")
}

// ORG-28, IAMP-3 step 3: an RCP binds whoever calls, of any account, on what the accounts below own; services too, service-linked roles not. The management account's
// resources are free.
func TestResourceControlPolicyBindsWhoeverCalls_ORG28(t *testing.T) {
	each(t, func(w *world) {
		w.enable(org.ResourceControlPolicy)
		outside := document(`{"Sid":"OnlyOurs","Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"` + w.f.ID + `"}}}`)
		w.allowed(w.may(w.as(stranger), "ecr:BatchGetImage", member, ownPull))
		id := w.policy(org.ResourceControlPolicy, "ours alone", outside, w.f.Root)
		w.denied(w.may(w.as(stranger), "ecr:BatchGetImage", member, ownPull), " with an explicit deny in a resource control policy")
		w.allowed(w.may(w.as(stranger), "ecr:BatchGetImage", manager, ownPull))
		w.allowed(w.may(w.as(member), "ecr:BatchGetImage", member))
		w.allowed(w.may(w.as(manager), "ecr:BatchGetImage", member, ownPull))
		service := &policy.Principal{Type: policy.Service, ARN: "codebuild.amazonaws.com"}
		w.denied(w.may(w.call(service), "ecr:BatchGetImage", member, ownPull), " with an explicit deny in a resource control policy")
		linked := &policy.Principal{Type: policy.AssumedRole, ARN: "arn:aws:sts::" + stranger + ":assumed-role/AWSServiceRoleForECRReplication/s", Account: stranger, ServiceLinked: true}
		w.denied(w.may(w.call(linked), "ecr:BatchGetImage", member), " because no resource-based policy allows the ecr:BatchGetImage action")

		// The own account and its root user are bound too, and hear which policy it was.
		all := document(`{"Effect":"Deny","Principal":"*","Action":"ecr:DeleteRepository","Resource":"*"}`)
		_, err := w.orgs.UpdatePolicy(w.as(manager), id, org.PolicyChange{Content: &all})
		w.ok(err)
		named := " with an explicit deny in a resource control policy: arn:aws:organizations::" + manager + ":policy/" + w.f.ID + "/resource_control_policy/" + id
		w.denied(w.may(w.as(member), "ecr:DeleteRepository", member), named)
		w.denied(w.may(w.as(manager), "ecr:DeleteRepository", member, ownPull), named)
		w.allowed(w.may(w.as(manager), "ecr:DeleteRepository", manager))
	})
}

// ORG-28: roles are resources of their account. Whoever assumes one passes the resource control policies first.
func TestAssumingARoleIsSubjectToResourceControlPolicies_ORG28(t *testing.T) {
	each(t, func(w *world) {
		w.enable(org.ResourceControlPolicy)
		trust := func(account string) string {
			return document(`{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}`)
		}
		_, err := w.dir.CreateRole(w.as(member), iam.NewRole{Name: "partner", Trust: trust(stranger)})
		w.ok(err)
		_, err = w.dir.CreateUser(w.as(stranger), iam.NewUser{Name: "ann"})
		w.ok(err)
		w.ok(w.dir.PutInlinePolicy(w.as(stranger), iam.Ref{Kind: iam.KindUser, Name: "ann"}, "all", document(`{"Effect":"Allow","Action":"*","Resource":"*"}`)))
		key, err := w.dir.CreateAccessKey(w.as(stranger), "ann")
		w.ok(err)
		assume := func() error {
			c, err := w.dir.Credential(w.Context(), key.ID, "", w.now)
			w.ok(err)
			_, err = w.dir.AssumeRole(w.call(c.Principal), iam.AssumeRole{RoleARN: "arn:aws:iam::" + member + ":role/partner", SessionName: "ci"})
			return err
		}
		w.ok(assume())
		w.policy(org.ResourceControlPolicy, "no partners",
			document(`{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"`+w.f.ID+`"}}}`), w.top)
		w.refused(assume(), "AccessDenied", "is not authorized to perform: sts:AssumeRole")
	})
}

// A decision about a member of an organization costs no allocation once everything is in memory: three levels above the account of each kind.
func TestDecisionOfAMemberAllocatesNothing_ORG27(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ctx, r := w.prepared()
	if n := testing.AllocsPerRun(200, func() {
		if err := w.dir.Authorize(ctx, "ecr:BatchGetImage", r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func (w *world) prepared() (ctx context.Context, r *iam.Resource) {
	w.Helper()
	w.enable(org.ServiceControlPolicy, org.ResourceControlPolicy)
	for _, target := range []string{w.f.Root, w.top, w.deep} {
		w.policy(org.ServiceControlPolicy, "scp "+target, document(noDelete+`,{"Effect":"Deny","NotAction":"ecr:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}}}`), target)
		w.policy(org.ResourceControlPolicy, "rcp "+target,
			document(`{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"`+w.f.ID+`"}}}`), target)
	}
	ctx = w.as(member)
	r = &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + member + ":repository/app", Account: member}
	w.ok(w.dir.Authorize(ctx, "ecr:BatchGetImage", r))
	return ctx, r
}

func BenchmarkDecisionOfAMember(b *testing.B) {
	w := newWorld(b, sqltest.SQLite(b))
	ctx, r := w.prepared()
	b.ReportAllocs()
	for b.Loop() {
		if err := w.dir.Authorize(ctx, "ecr:BatchGetImage", r); err != nil {
			b.Fatal(err)
		}
	}
}
