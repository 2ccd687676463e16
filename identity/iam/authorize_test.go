package iam_test

import (
	"context"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const rakeApp = "arn:aws:ecr:us-east-2:" + vendor + ":repository/rake-app"

// repository is rake-app with a policy, as the registry would pass it.
func (w *world) repository(document string) *iam.Resource {
	w.Helper()
	stored, err := w.dir.Resolve(w.Context(), []byte(document))
	w.ok(err)
	p, err := policy.Parse(stored)
	w.ok(err)
	r := &iam.Resource{ARN: rakeApp, Account: vendor, Policy: &policy.Attached{Name: "repository policy", Policy: p}}
	w.dir.Seal(r)
	return r
}

// HTTP-35, API-28, IAMP-5: an image of the vendor's is for the customer's account, whose administrator gives it to one user; everybody else is told why not.
func TestSharingStory(t *testing.T) {
	each(t, func(w *world) {
		pull := allow("*", "ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload")
		builder := w.user(vendor, "Builder")
		dev := w.user(customer, "CustomerDev", pull)
		idle := w.user(customer, "Idle")
		other := w.user(stranger, "Other", pull)
		repo := w.repository(`{"Version":"2012-10-17","Statement":[
			{"Sid":"AllowPushPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + vendor + `:user/Builder","Service":"codebuild.amazonaws.com"},
			 "Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:PutImage","ecr:InitiateLayerUpload"]},
			{"Sid":"AllowPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + customer + `:root"},
			 "Action":["ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"]}]}`)

		for _, c := range []struct {
			who    string
			ctx    context.Context
			action string
			want   string // "" is allowed
		}{
			{"vendor's root", w.asRoot(vendor), "ecr:DeleteRepository", ""},
			{"named user of the vendor, no identity policy", w.call(builder.ID, ""), "ecr:PutImage", ""},
			{"named user, an action that is not named", w.call(builder.ID, ""), "ecr:DeleteRepository", "User: arn:aws:iam::111222333444:user/Builder is not authorized to perform: ecr:DeleteRepository on resource: " + rakeApp + " because no identity-based policy allows the ecr:DeleteRepository action"},
			{"customer with both sides", w.call(dev.ID, ""), "ecr:BatchGetImage", ""},
			{"customer pushes", w.call(dev.ID, ""), "ecr:InitiateLayerUpload", "User: arn:aws:iam::999888777666:user/CustomerDev is not authorized to perform: ecr:InitiateLayerUpload on resource: " + rakeApp + " because no resource-based policy allows the ecr:InitiateLayerUpload action"},
			{"customer without identity policy", w.call(idle.ID, ""), "ecr:BatchGetImage", "User: arn:aws:iam::999888777666:user/Idle is not authorized to perform: ecr:BatchGetImage on resource: " + rakeApp + " because no identity-based policy allows the ecr:BatchGetImage action"},
			{"third account", w.call(other.ID, ""), "ecr:BatchGetImage", "User: arn:aws:iam::555555555555:user/Other is not authorized to perform: ecr:BatchGetImage on resource: " + rakeApp + " because no resource-based policy allows the ecr:BatchGetImage action"},
		} {
			err := w.dir.Authorize(c.ctx, c.action, repo)
			a := iam.From(c.ctx).Audit
			if c.want == "" {
				if err != nil {
					w.Errorf("%s: %v", c.who, err)
				}
				if a.Decision != "Allow" || a.Resource != rakeApp || a.Owner != vendor || a.Action != c.action {
					w.Errorf("%s: the audit says %+v", c.who, a)
				}
				continue
			}
			f := fault.As(err)
			if f == nil || f.Code != fault.AccessDenied || f.Message != c.want+" (request id: r-1)" {
				w.Errorf("%s: got %v\nwant %s", c.who, err, c.want)
				continue
			}
			if d, ok := f.Detail.(*policy.Decision); !ok || d.Allowed {
				w.Errorf("%s: Detail is %#v", c.who, f.Detail)
			}
			if a.Decision != "Deny" || a.Error != "AccessDenied" || a.Principal == "" || a.SourceIP != "203.0.113.7" {
				w.Errorf("%s: the audit says %+v", c.who, a)
			}
			if w.dir.May(c.ctx, c.action, repo) {
				w.Errorf("%s: May differs from Authorize", c.who)
			}
		}
	})
}

// IAM-23: a change of policy, boundary, group or tag counts at the next request on this node.
func TestChangesCountAtOnce(t *testing.T) {
	each(t, func(w *world) {
		key := w.user(customer, "ann")
		ann := iam.Ref{Kind: iam.KindUser, Name: "ann"}
		root := w.asRoot(customer)
		own := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
		can := func(want bool, after string) {
			w.Helper()
			if got := w.dir.Authorize(w.call(key.ID, ""), "ecr:BatchGetImage", own) == nil; got != want {
				w.Errorf("after %s: allowed is %v", after, got)
			}
		}
		can(false, "nothing")
		w.ok(w.dir.PutInlinePolicy(root, ann, "pull", allow("*", "ecr:BatchGetImage")))
		can(true, "an inline policy")
		w.ok(w.dir.PutBoundary(root, ann, "arn:aws:iam::aws:policy/IAMReadOnlyAccess"))
		can(false, "a boundary without ecr")
		w.ok(w.dir.DeleteBoundary(root, ann))
		can(true, "the boundary is gone")
		w.ok(w.dir.DeleteInlinePolicy(root, ann, "pull"))
		can(false, "the inline policy is gone")
		w.ok(w.dir.AttachPolicy(root, ann, "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"))
		can(true, "a policy of AWS")
		w.ok(w.dir.DetachPolicy(root, ann, "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"))
		can(false, "it is detached")

		_, err := w.dir.CreateGroup(root, "pullers", "")
		w.ok(err)
		w.ok(w.dir.AddUserToGroup(root, "pullers", "ann"))
		p, err := w.dir.CreatePolicy(root, "tagged", "", "", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}}}`, nil)
		w.ok(err)
		w.ok(w.dir.AttachPolicy(root, iam.Ref{Kind: iam.KindGroup, Name: "pullers"}, p.ARN))
		can(false, "a group's policy for team blue")
		w.ok(w.dir.Tag(root, ann, []iam.Tag{{Key: "team", Value: "blue"}}))
		can(true, "the tag")
		_, err = w.dir.CreatePolicyVersion(root, p.ARN, allow("*", "s3:*"), true)
		w.ok(err)
		can(false, "a new default version")
		w.ok(w.dir.SetDefaultPolicyVersion(root, p.ARN, "v1"))
		can(true, "the old version again")
		w.ok(w.dir.RemoveUserFromGroup(root, "pullers", "ann"))
		can(false, "leaving the group")
	})
}

// IAMP-1.1, IAMP-1.2: what each condition key says, and that no key can be set by tags or headers of its name (H83).
func TestConditionKeys(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	key := w.user(customer, "ann")
	root := w.asRoot(customer)
	w.ok(w.dir.Tag(root, iam.Ref{Kind: iam.KindUser, Name: "ann"}, []iam.Tag{{Key: "Team", Value: "blue"}}))
	ctx := w.call(key.ID, "")
	r := &iam.Resource{
		ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app", Tags: map[string]string{"Env": "prod", "aws:SourceIp": "10.0.0.1"},
		RequestTags: map[string]string{"Cost": "7"}, Keys: map[string]string{"ecr:accountsetting": "BLOB_MOUNTING"},
	}
	can := func(condition string) bool {
		w.Helper()
		w.ok(w.dir.PutInlinePolicy(root, iam.Ref{Kind: iam.KindUser, Name: "ann"}, "p",
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:TagResource","Resource":"*","Condition":`+condition+`}}`))
		return w.dir.Authorize(ctx, "ecr:TagResource", r) == nil
	}
	for _, condition := range []string{
		`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`,
		`{"Bool":{"aws:SecureTransport":"true"}}`,
		`{"StringLike":{"aws:UserAgent":"docker/*"}}`,
		`{"Null":{"aws:Referer":"true"}}`,
		`{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`,
		`{"NumericGreaterThan":{"aws:EpochTime":"1500000000"}}`,
		`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::999888777666:user/ann"}}`,
		`{"StringEquals":{"aws:PrincipalAccount":"999888777666","aws:PrincipalType":"User","aws:username":"ann"}}`,
		`{"StringLike":{"aws:userid":"AIDA*"}}`,
		`{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:ResourceTag/env":"prod","ecr:ResourceTag/Env":"prod","aws:RequestTag/Cost":"7"}}`,
		`{"ForAllValues:StringEquals":{"aws:TagKeys":["Cost"]}}`,
		`{"ForAnyValue:StringEquals":{"aws:TagKeys":["Cost"]}}`,
		`{"StringEquals":{"aws:RequestedRegion":"us-east-2","aws:ResourceAccount":"999888777666"}}`,
		`{"Null":{"aws:TokenIssueTime":"true","aws:MultiFactorAuthPresent":"true","aws:SourceIdentity":"true","aws:SourceArn":"true"}}`,
		`{"Bool":{"aws:ViaAWSService":"false","aws:PrincipalIsAWSService":"false"}}`,
		`{"StringEquals":{"ecr:AccountSetting":"BLOB_MOUNTING"}}`,
	} {
		if !can(condition) {
			t.Errorf("refused: %s", condition)
		}
	}
	if can(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`) {
		t.Error("a resource tag set aws:SourceIp")
	}
}

// H85: what a policy variable brings is text: a "*" opens nothing that is not called "*", and a value with a slash no other's folder.
func TestVariablesAreText_H85(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	key := w.user(customer, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"arn:aws:ecr:*:*:repository/${aws:UserAgent}/app"}}`)
	for value, want := range map[string]string{"*": "", "**": "", "?lue": "", "blue": "blue", "blue/green": "blue/green", "blue/*": "", "${*}": "", "../blue": ""} {
		for _, folder := range []string{"blue", "blue/green", "red"} {
			ctx := w.call(key.ID, "")
			iam.From(ctx).UserAgent = value // tags may not hold a "*"; what a client says of itself may
			err := w.dir.Authorize(ctx, "ecr:BatchGetImage", &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/" + folder + "/app", Account: customer})
			if (err == nil) != (folder == want) {
				t.Errorf("%q and the folder %s: %v", value, folder, err)
			}
		}
	}
}

// API-28, house rule: a decision that allows allocates nothing.
func TestAuthorizeAllocatesNothing(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	ctx, repo := w.pullCase()
	if n := testing.AllocsPerRun(200, func() {
		if err := w.dir.Authorize(ctx, "ecr:BatchGetImage", repo); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// pullCase is a cross-account pull with a usual number of policies.
func (w *world) pullCase() (context.Context, *iam.Resource) {
	key := w.user(customer, "CustomerDev", allow("*", "ecr:GetAuthorizationToken"), allow("arn:aws:ecr:*:"+vendor+":repository/*", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"))
	w.ok(w.dir.AttachPolicy(w.asRoot(customer), iam.Ref{Kind: iam.KindUser, Name: "CustomerDev"}, "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"))
	return w.call(key.ID, ""), w.repository(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + customer + `"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`)
}

func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b, sqltest.SQLite(b))
	ctx, repo := w.pullCase()
	b.ReportAllocs()
	for b.Loop() {
		if err := w.dir.Authorize(ctx, "ecr:BatchGetImage", repo); err != nil {
			b.Fatal(err)
		}
	}
}
