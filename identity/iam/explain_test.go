package iam_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// asked is the context of another request of the caller of ctx, with an id of its own.
func (w *world) asked(ctx context.Context) (context.Context, string) {
	var id [36]byte
	audit.PutRequestID(&id, w.now)
	c := iam.From(ctx)
	return iam.With(w.Context(), &iam.Call{
		Principal: c.Principal, Session: c.Session, AccessKeyID: c.AccessKeyID, RequestID: string(id[:]), Time: w.now, Region: "us-east-2", Source: c.Source, Endpoint: c.Endpoint,
		SourceIP: netip.MustParseAddr("203.0.113.7"), Secure: true, UserAgent: "docker/28.0",
	}), string(id[:])
}

// decide makes a request, and returns its id.
func (w *world) decide(ctx context.Context, action string, r *iam.Resource) string {
	w.Helper()
	ctx, id := w.asked(ctx)
	_ = w.dir.Authorize(ctx, action, r) // either way
	w.log.Add(&iam.From(ctx).Audit)
	return id
}

func (w *world) explain(ctx context.Context, id string) *iam.Explanation {
	w.Helper()
	ctx, _ = w.asked(ctx)
	e, err := w.dir.Explain(ctx, []*audit.Log{w.log}, id)
	w.ok(err)
	return e
}

func compiled(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ORG-27, ORG-28, IAMP-8: the account that manages the organization sees SCPs and RCPs level by level with their targets; who was refused by them sees that they did, and
// nothing of them; the operator sees all. The organization of that time counts.
func TestExplainOrganization(t *testing.T) {
	each(t, func(w *world) {
		full := policy.Attached{Name: "FullAWSAccess", ARN: "arn:aws:iam::aws:policy/FullAWSAccess", Policy: compiled(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}
		guard := policy.Attached{Name: "guard", ARN: "arn:aws:organizations::" + stranger + ":policy/o-x/service_control_policy/p-1", Policy: compiled(t, `{"Version":"2012-10-17","Statement":{"Sid":"NoDelete","Effect":"Deny","Action":"ecr:DeleteRepository","Resource":"*"}}`)}
		members := map[string]*iam.Membership{
			stranger: {Organization: "o-x", Management: stranger, Paths: []string{"o-x/r-y/"}},
			customer: {Organization: "o-x", Management: stranger, Paths: []string{"o-x/r-y/ou-a/"}, SCP: []policy.Level{{Target: "r-y", Policies: []policy.Attached{full}}, {Target: "ou-a", Policies: []policy.Attached{full, guard}}, {Target: customer, Policies: []policy.Attached{full}}}},
		}
		w.dir.Govern(func(_ context.Context, account string) (*iam.Membership, error) { return members[account], nil })
		key := w.user(customer, "ann", allow("*", "ecr:*"))
		own := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app", Account: customer}
		ann := w.call(key.ID, "")
		id := w.decide(ann, "ecr:DeleteRepository", own)
		clear(members)

		e := w.explain(ann, id)
		text, err := json.Marshal(e)
		w.ok(err)
		scp := 0
		for _, l := range e.Layers {
			if l.Layer == policy.LayerSCP {
				scp++
				if !l.Hidden || l.Result != "deny" || l.VisibleTo != stranger || !l.Deciding {
					w.Errorf("ann sees %+v", l)
				}
			}
		}
		if scp != 1 || e.Decision != "Deny" || !e.Explicit || strings.Contains(string(text), "NoDelete") || strings.Contains(string(text), "ou-a") || !strings.Contains(e.Message, "with an explicit deny in a service control policy: "+guard.ARN) {
			w.Errorf("ann sees %s", text)
		}
		for who, account := range map[string]string{"management": stranger, "operator": vendor} {
			e := w.explain(w.asRoot(account), id)
			var targets []string
			for _, l := range e.Layers {
				if l.Layer == policy.LayerSCP {
					targets = append(targets, l.Target+" "+l.Result)
				}
				if hidden := who == "management" && (l.Layer == policy.LayerIdentity || l.Layer == policy.LayerResource); l.Hidden != hidden {
					w.Errorf("%s: %s is hidden: %v", who, l.Layer, l.Hidden)
				}
			}
			if got := strings.Join(targets, ", "); got != "r-y allow, ou-a deny, "+customer+" allow" || e.DecidedBy == nil || e.DecidedBy.Sid != "NoDelete" || len(e.Changes) == 0 {
				w.Errorf("%s sees %s, %+v, %+v", who, got, e.DecidedBy, e.Changes)
			}
		}
	})
}

// API-28, IAMP-8: of the organization of another account, and who manages it, an explanation tells only accounts of the same organization.
func TestExplainHidesForeignOrganization_IAMP8(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	full := policy.Attached{Name: "RCPFullAWSAccess", Policy: compiled(t, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)}
	guard := policy.Attached{Name: "guard", Policy: compiled(t, `{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:PutImage","Resource":"*"}}`)}
	own := &iam.Membership{Organization: "o-b", Management: vendor, SCP: []policy.Level{{Target: "r-b", Policies: []policy.Attached{full}}}}
	members := map[string]*iam.Membership{stranger: {Organization: "o-a", Management: "121212121212", RCP: []policy.Level{{Target: "r-a", Policies: []policy.Attached{full, guard}}}}, customer: own}
	w.dir.Govern(func(_ context.Context, account string) (*iam.Membership, error) { return members[account], nil })
	ann := w.call(w.user(customer, "ann", allow("*", "ecr:*")).ID, "")
	repo := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + stranger + ":repository/app", Account: stranger}
	seen := func(e *iam.Explanation) string {
		var out []string
		for _, l := range e.Layers {
			if l.Hidden {
				out = append(out, string(l.Layer)+" "+l.Result+" "+l.VisibleTo)
			}
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct{ organization, action, want, owner string }{
		{"o-b", "ecr:BatchGetImage", "scp unknown " + vendor + ", resource none " + stranger, "rcp unknown 121212121212, identity unknown " + customer},
		{"o-b", "ecr:PutImage", "scp unknown " + vendor + ", rcp deny , resource unknown " + stranger, "rcp deny 121212121212, identity unknown " + customer},
		{"o-a", "ecr:PutImage", "scp unknown " + vendor + ", rcp deny 121212121212, resource unknown " + stranger, "scp unknown " + vendor + ", rcp deny 121212121212, identity unknown " + customer},
	} {
		members[customer] = &iam.Membership{Organization: c.organization, Management: own.Management, SCP: own.SCP}
		id := w.decide(ann, c.action, repo)
		if got := seen(w.explain(ann, id)); got != c.want {
			w.Errorf("%s: ann sees %q, not %q", c.action, got, c.want)
		}
		if got := seen(w.explain(w.asRoot(stranger), id)); got != c.owner {
			w.Errorf("%s: the owner sees %q, not %q", c.action, got, c.owner)
		}
	}
}

// The traps of the guides: the role that pulls is the execution role, not the one that the policy names, and the explanation says both; the source of a service is of
// another account than the policy's (IAMP-1.2), and it says both.
func TestExplainTraps_IAMP8(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	for _, name := range []string{"taskRole", "executionRole"} {
		w.role(vendor, name, trusting(vendor, ""), allow("*", "ecr:GetAuthorizationToken"))
	}
	repo := w.repository(`{"Version":"2012-10-17","Statement":[
		{"Sid":"Task","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + vendor + `:role/taskRole"},"Action":"ecr:BatchGetImage"},
		{"Sid":"Lambda","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage","Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:us-east-2:` + vendor + `:function:*"}}}]}`)
	starter := w.user(vendor, "starter", allow("*", "sts:AssumeRole"))
	out, err := w.dir.AssumeRole(w.call(starter.ID, ""), iam.AssumeRole{RoleARN: "arn:aws:iam::" + vendor + ":role/executionRole", SessionName: "task-7"})
	w.ok(err)
	e := w.explain(w.asRoot(vendor), w.decide(w.call(out.AccessKeyID, out.Token), "ecr:BatchGetImage", repo))
	if e.Decision != "Deny" || e.Role != "arn:aws:iam::"+vendor+":role/executionRole" || e.Principal != "arn:aws:sts::"+vendor+":assumed-role/executionRole/task-7" {
		t.Errorf("%+v", e)
	}
	text, err := json.Marshal(e)
	w.ok(err)
	if !strings.Contains(string(text), "arn:aws:iam::"+vendor+":role/taskRole") || strings.Contains(string(text), "AROA") {
		t.Errorf("the role of the policy is not named as it was written: %s", text)
	}

	lambda := iam.With(t.Context(), &iam.Call{
		Principal: &policy.Principal{Type: policy.Service, ARN: "lambda.amazonaws.com", ServiceNames: []string{"lambda.amazonaws.com"}},
		Source:    &iam.Source{ARN: "arn:aws:lambda:us-east-2:" + customer + ":function:rake", Account: customer},
	})
	e = w.explain(w.asRoot(vendor), w.decide(lambda, "ecr:BatchGetImage", repo))
	for _, l := range e.Layers {
		if l.Layer != policy.LayerResource {
			continue
		}
		c := l.Statements[1].Conditions[0]
		if c.Matched || c.Request[0] != "arn:aws:lambda:us-east-2:"+customer+":function:rake" || c.Values[0].Value != "arn:aws:lambda:us-east-2:"+vendor+":function:*" {
			t.Errorf("%+v", c)
		}
		return
	}
	t.Errorf("the repository's policy is not explained: %+v", e)
}

// Everything that a condition can ask for is explained as it was: of sessions, tags, endpoints, sources, images and requests (IAMP-1.2).
func TestEvidenceIsWhole(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.dir.Govern(func(_ context.Context, account string) (*iam.Membership, error) {
		return &iam.Membership{Organization: "o-" + account[:1], Management: account, Paths: []string{"o-" + account[:1] + "/r-1/"}}, nil
	})
	role := w.role(customer, "ci", trusting(customer, ""))
	w.ok(w.dir.Tag(w.asRoot(customer), iam.Ref{Kind: iam.KindRole, Name: "ci"}, []iam.Tag{{Key: "Team", Value: "blue"}}))
	starter := w.user(customer, "starter", allow("*", "sts:*"))
	out, err := w.dir.AssumeRole(w.call(starter.ID, ""), iam.AssumeRole{
		RoleARN: role.ARN, SessionName: "job", SourceIdentity: "ann", Tags: []iam.Tag{{Key: "Job", Value: "7"}}, Policy: allow("*", "ecr:*"),
	})
	w.ok(err)
	conditions := `{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:PrincipalTag/job":"7","aws:SourceIdentity":"ann","aws:PrincipalOrgID":"o-9","aws:ResourceOrgID":"o-1","aws:ResourceTag/Env":"prod",
		"aws:RequestTag/Cost":"7","ecr:AccountSetting":"X","aws:SourceVpce":"vpce-1","aws:SourceVpc":"vpc-1","aws:VpcSourceIp":"203.0.113.7","aws:UserAgent":"docker/28.0","aws:RequestedRegion":"us-east-2",
		"aws:PrincipalAccount":"` + customer + `","aws:ResourceAccount":"` + vendor + `","ecr:ImageTag":"v1","ecr:ImageDigest":"sha256:1"},
		"ForAllValues:StringEquals":{"aws:TagKeys":["Cost"]},"Bool":{"aws:SecureTransport":"true","aws:MultiFactorAuthPresent":"false"},"Null":{"aws:TokenIssueTime":"false","aws:CurrentTime":"false","aws:SourceIp":"true"},
		"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-9/*","aws:ResourceOrgPaths":"o-1/*"},"StringLike":{"aws:userid":"AROA*:job"},"ArnEquals":{"aws:PrincipalArn":"` + role.ARN + `"}}`
	repo := w.repository(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + customer + `"},"Action":"ecr:BatchGetImage","Condition":` + conditions + `}]}`)
	r := &iam.Resource{ARN: repo.ARN, Account: vendor, Policy: repo.Policy, Tags: map[string]string{"Env": "prod"}, RequestTags: map[string]string{"Cost": "7"}, Keys: map[string]string{"ecr:accountsetting": "X"}}
	w.ok(w.dir.PutInlinePolicy(w.asRoot(customer), iam.Ref{Kind: iam.KindRole, Name: "ci"}, "p", allow("*", "ecr:*")))
	ctx := w.call(out.AccessKeyID, out.Token)
	iam.From(ctx).Endpoint = &iam.Endpoint{ID: "vpce-1", VPC: "vpc-1", Limited: true, Policies: []policy.Attached{{Name: "endpoint", Policy: compiled(t, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)}}}
	ctx, id := w.asked(ctx)
	if _, _, err := w.dir.AuthorizeImage(ctx, "ecr:BatchGetImage", r, iam.Image{Tag: "v1", Digest: "sha256:1"}); err != nil {
		t.Fatal(err)
	}
	w.log.Add(&iam.From(ctx).Audit)
	e := w.explain(w.asRoot(vendor), id)
	if e.Decision != "Allow" || e.Note != "" || e.DecidedBy == nil || e.DecidedBy.Layer != policy.LayerResource {
		t.Errorf("%+v", e)
	}
	for _, l := range e.Layers {
		for _, s := range l.Statements {
			for _, c := range s.Conditions {
				if !c.Matched {
					t.Errorf("%+v", c)
				}
			}
		}
	}
}

// A refusal without policies has no layers, and says why.
func TestExplainWithoutEvidence(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ctx, id := w.asked(w.asRoot(customer))
	_, err := w.dir.AssumeRole(ctx, iam.AssumeRole{RoleARN: "arn:aws:iam::" + vendor + ":role/x", SessionName: "job"})
	w.refused(err, fault.AccessDenied, "root")
	w.log.Add(&iam.From(ctx).Audit)
	if e := w.explain(w.asRoot(customer), id); e.Decision != "Deny" || len(e.Layers) != 0 || !strings.Contains(e.Note, "AccessDenied") {
		t.Errorf("%+v", e)
	}
	other, _ := w.asked(w.asRoot(stranger))
	_, err = w.dir.Explain(other, []*audit.Log{w.log}, id)
	w.refused(err, fault.NoSuchEntity, id)
}
