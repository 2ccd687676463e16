package registry_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// openTo is a registry policy that lets principals do actions in all repositories of the vendor.
func openTo(effect, principal, actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"shared","Effect":"` + effect + `","Principal":` + principal + `,"Action":` + actions +
		`,"Resource":"arn:aws:ecr:us-east-2:111222333444:repository/*"}]}`
}

const theCustomer = `{"AWS":"arn:aws:iam::999888777666:root"}`

// API-48, IAMP-4.4, API-35: one policy opens every repository of a region, those that are yet to be made too, on every node by the next request; a Deny in it holds
// against what repositories allow. Without it other accounts have nothing.
func TestRegistryPolicyHoldsForEveryRepository(t *testing.T) {
	each(t, func(w *world) {
		root := func() error { _, err := w.Open(w.root(vendor), ref("app"), "ecr:BatchGetImage"); return err }
		w.repo("app")
		dev := w.user(customer, "dev", "ecr:*")
		nobody := w.user(customer, "nobody")
		pull := func(key *iam.AccessKey, name string) error {
			_, err := w.Open(w.call(key), ref(name), "ecr:BatchGetImage")
			return err
		}
		w.refused(pull(dev, "app"), fault.AccessDenied, "because no resource-based policy allows")

		text, err := w.PutRegistryPolicy(w.root(vendor), vendor, region, openTo("Allow", theCustomer, `["ecr:BatchGetImage","ecr:CreateRepository","ecr:DescribeRepositories"]`))
		if err != nil || !strings.Contains(text, "999888777666:root") {
			w.Fatal(text, err)
		}
		w.ok(pull(dev, "app"))
		w.refused(pull(dev, "none"), fault.RepositoryNotFound, "")
		w.refused(pull(nobody, "app"), fault.AccessDenied, "because no identity-based policy allows")
		_, err = w.Open(w.call(dev), ref("app"), "ecr:PutImage")
		w.refused(err, fault.AccessDenied, "because no resource-based policy allows the ecr:PutImage action")
		_, err = w.Open(w.call(dev), registry.Ref{Account: vendor, Region: "us-east-1", Name: "app"}, "ecr:BatchGetImage")
		w.refused(err, fault.AccessDenied, "") // another region has its own (API-27)
		list, _, err := w.Repositories(w.call(dev), vendor, region, "", 10)
		if err != nil || len(list) != 1 {
			w.Fatal(list, err)
		}
		made, err := w.CreateRepository(w.call(dev), ref("made"), registry.NewRepository{})
		w.ok(err)
		if made.Account != vendor {
			w.Errorf("made in %s", made.Account)
		}
		_, err = w.CreateRepository(w.call(dev), ref("tagged"), registry.NewRepository{Tags: []registry.Tag{{Key: "a", Value: "b"}}})
		w.refused(err, fault.AccessDenied, "ecr:TagResource")
		w.ok(pull(dev, "made"))

		r, err := w.Open(w.root(vendor), ref("app"), "ecr:SetRepositoryPolicy")
		w.ok(err)
		_, err = r.SetPolicy(w.root(vendor), strings.ReplaceAll(allowCustomer, `, "arn:aws:iam::999888777666:user/dev"`, ""), false)
		w.ok(err)
		w.ok(pull(dev, "app"))
		_, err = w.PutRegistryPolicy(w.root(vendor), vendor, region, openTo("Deny", `"*"`, `"ecr:BatchGetImage"`))
		w.ok(err)
		w.refused(pull(dev, "app"), fault.AccessDenied, "with an explicit deny in a resource-based policy")
		w.refused(root(), fault.AccessDenied, "with an explicit deny in a resource-based policy")

		if w.db.Shared() { // two nodes: what one changes the other knows within its poll (F04)
			other := w.open(w.TempDir(), registry.Options{})
			there := func() error { _, err := other.Open(w.callOn(other, dev), ref("app"), "ecr:BatchGetImage"); return err }
			w.refused(there(), fault.AccessDenied, "")
			_, err = w.DeleteRegistryPolicy(w.root(vendor), vendor, region)
			w.ok(err)
			eventually(t, func() bool { return there() == nil })
			return
		}
		_, err = w.DeleteRegistryPolicy(w.root(vendor), vendor, region)
		w.ok(err)
		w.ok(pull(dev, "app"))
		w.ok(root())
	})
}

// API-43, API-48: the text is checked as a repository's is, comes back as it was, and a user who is gone is not another one of the same name (H102).
func TestRegistryPolicyText(t *testing.T) {
	each(t, func(w *world) {
		none := "Registry policy does not exist in the registry with id '111222333444'"
		get := func() (string, error) { return w.RegistryPolicy(w.root(vendor), vendor, region) }
		put := func(text string) error {
			_, err := w.PutRegistryPolicy(w.root(vendor), vendor, region, text)
			return err
		}
		_, err := get()
		w.refused(err, fault.RegistryPolicyNotFound, none)
		_, err = w.DeleteRegistryPolicy(w.root(vendor), vendor, region)
		w.refused(err, fault.RegistryPolicyNotFound, none)

		const wrong = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided': "
		w.refused(put("{\n  x"), fault.InvalidParameter, wrong+"line 2, column 3: JSON_SYNTAX_ERROR")
		w.refused(put(openTo("Allow", theCustomer, `"s3:GetObject"`)), fault.InvalidParameter, wrong+"line 1, column ")
		w.refused(put(allowCustomer), fault.InvalidParameter, "MISSING_RESOURCE")
		w.refused(put(strings.Repeat(" ", 10241)), fault.InvalidParameter, wrong+"the policy has 10241 characters; 10240 are allowed")
		w.refused(put(openTo("Allow", `{"AWS":"arn:aws:iam::999888777666:user/dev"}`, `"ecr:*"`)), fault.InvalidParameter, "'Principal not found'")

		dev := w.user(customer, "dev", "ecr:*")
		text := openTo("Allow", `{"AWS":"arn:aws:iam::999888777666:user/dev"}`, `"ecr:BatchGetImage"`)
		w.ok(put(text))
		if got, err := get(); err != nil || got != text {
			w.Fatal(got, err)
		}
		w.repo("app")
		_, err = w.Open(w.call(dev), ref("app"), "ecr:BatchGetImage")
		w.ok(err)
		w.ok(w.dir.DeleteAccessKey(w.root(customer), "dev", dev.ID))
		w.ok(w.dir.DeleteInlinePolicy(w.root(customer), iam.Ref{Kind: iam.KindUser, Name: "dev"}, "p"))
		w.ok(w.dir.DeleteUser(w.root(customer), "dev"))
		again := w.user(customer, "dev", "ecr:*")
		_, err = w.Open(w.call(again), ref("app"), "ecr:BatchGetImage")
		w.refused(err, fault.AccessDenied, "no resource-based policy")
		if got, err := get(); err != nil || !strings.Contains(got, `"AIDA`) {
			w.Fatal(got, err)
		}
		if got, err := w.DeleteRegistryPolicy(w.root(vendor), vendor, region); err != nil || !strings.Contains(got, `"AIDA`) {
			w.Fatal(got, err)
		}
		_, err = w.PutRegistryPolicy(w.call(w.user(vendor, "u")), vendor, region, text)
		w.refused(err, fault.AccessDenied, "ecr:PutRegistryPolicy on resource: *")
	})
}

// API-48, IAMP-4.4: in the scope V1 the policy speaks of three actions, and no others can be put into it; what was put before is silent about them.
func TestRegistryPolicyScopeV1(t *testing.T) {
	each(t, func(w *world) {
		root := w.root(vendor)
		w.repo("app")
		dev := w.user(customer, "dev", "ecr:*")
		pull := func() error {
			_, err := w.Open(w.call(dev), ref("app"), "ecr:BatchGetImage")
			return err
		}
		_, err := w.PutRegistryPolicy(root, vendor, region, openTo("Allow", theCustomer, `"ecr:*"`))
		w.ok(err)
		w.ok(pull())
		w.ok(w.PutAccountSetting(root, vendor, region, registry.RegistryPolicyScope, "V1"))
		w.refused(pull(), fault.AccessDenied, "no resource-based policy")
		_, err = w.CreateRepository(w.call(dev), ref("made"), registry.NewRepository{})
		w.ok(err)
		_, err = w.PutRegistryPolicy(root, vendor, region, openTo("Allow", theCustomer, `["ecr:CreateRepository","ecr:BatchGetImage"]`))
		w.refused(err, fault.InvalidParameter, "In the scope V1 a registry policy may name only")
		_, err = w.PutRegistryPolicy(root, vendor, region, openTo("Allow", theCustomer, `["ecr:CreateRepository","ecr:ReplicateImage"]`))
		w.ok(err)
		w.ok(w.PutAccountSetting(root, vendor, region, registry.RegistryPolicyScope, "V2"))
		w.refused(pull(), fault.AccessDenied, "no resource-based policy")
	})
}

// API-48: the scope V2 is about every request for the registry, also those for no repository; but the root user of the account gets out again (H84).
func TestRegistryPolicyAboutTheRegistryItself(t *testing.T) {
	each(t, func(w *world) {
		admin := w.user(vendor, "admin", "ecr:*")
		_, err := w.PutRegistryPolicy(w.call(admin), vendor, region, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}]}`)
		w.ok(err)
		w.refused(w.Describe(w.call(admin), vendor, region), fault.AccessDenied, "with an explicit deny in a resource-based policy")
		w.refused(w.PutAccountSetting(w.call(admin), vendor, region, registry.BlobMounting, "ENABLED"), fault.AccessDenied, "")
		_, err = w.DeleteRegistryPolicy(w.call(admin), vendor, region)
		w.refused(err, fault.AccessDenied, "")
		w.ok(w.Describe(w.call(admin), vendor, "us-east-1"))
		w.ok(w.dir.Authorize(w.call(admin), "ecr:GetAuthorizationToken", &iam.Resource{ARN: "*"}))
		_, err = w.RegistryPolicy(w.root(vendor), vendor, region)
		w.ok(err)
		_, err = w.DeleteRegistryPolicy(w.root(vendor), vendor, region)
		w.ok(err)
		w.ok(w.Describe(w.call(admin), vendor, region))
	})
}

// IAMP-8: who asks why, or who can, is told of the registry's policy: of a repository, of one that is not there, and of the registry itself.
func TestRegistryPolicyIsExplained(t *testing.T) {
	each(t, func(w *world) {
		w.repo("app")
		w.user(customer, "dev", "ecr:*")
		admin := w.user(vendor, "admin", "ecr:*", "berth:*")
		_, err := w.PutRegistryPolicy(w.root(vendor), vendor, region, `{"Version":"2012-10-17","Statement":[
			{"Sid":"shared","Effect":"Allow","Principal":`+theCustomer+`,"Action":"ecr:*","Resource":"arn:aws:ecr:us-east-2:111222333444:repository/*"},
			{"Sid":"fixed","Effect":"Deny","Principal":"*","Action":"ecr:PutAccountSetting","Resource":"*"}]}`)
		w.ok(err)
		for _, c := range []struct{ principal, action, resource, want string }{
			{"arn:aws:iam::999888777666:user/dev", "ecr:BatchGetImage", ref("app").ARN(), "shared"},
			{"arn:aws:iam::999888777666:user/dev", "ecr:CreateRepository", ref("none").ARN(), "shared"},
			{"arn:aws:iam::111222333444:user/admin", "ecr:PutAccountSetting", "*", "fixed"},
		} {
			e, err := w.dir.ExplainQuestion(w.call(admin), iam.Question{Principal: c.principal, Action: c.action, Resource: c.resource, Context: map[string][]string{"aws:RequestedRegion": {region}}})
			w.ok(err)
			at := slices.IndexFunc(e.Layers, func(l iam.ExplainedLayer) bool { return l.Layer == policy.LayerRegistry })
			if at < 0 || !slices.ContainsFunc(e.Layers[at].Statements, func(s iam.ExplainedStatement) bool { return s.Sid == c.want && s.Applies }) {
				w.Errorf("%s by %s: %+v", c.action, c.principal, e.Layers)
			}
		}
		list, _, err := w.dir.WhoCan(w.call(admin), "ecr:BatchGetImage", ref("app").ARN(), "", 100)
		w.ok(err)
		if !slices.ContainsFunc(list, func(g iam.Grantee) bool {
			return g.Account == customer && g.Through.Layer == policy.LayerRegistry && g.Through.Sid == "shared"
		}) {
			w.Errorf("who can pull: %+v", list)
		}
	})
}

// A registry's policy makes no decision about a repository dearer by an allocation.
func TestRegistryPolicyAllocatesNothingMore(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
	w.repo("app")
	ctx := w.root(vendor)
	open := func() float64 {
		least := math.Inf(1)
		for range 5 {
			least = min(least, testing.AllocsPerRun(100, func() {
				_, err := w.Open(ctx, ref("app"), "ecr:BatchGetImage")
				w.ok(err)
			}))
		}
		return least
	}
	without := open()
	_, err := w.PutRegistryPolicy(w.root(vendor), vendor, region, openTo("Allow", theCustomer, `"ecr:*"`))
	w.ok(err)
	if with := open(); with > without {
		t.Errorf("%v allocations, %v without the policy", with, without)
	}
}
