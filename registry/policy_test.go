package registry_test

import (
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/sql"
)

const allowCustomer = `{
  "Version" : "2012-10-17",
  "Statement" : [ { "Sid" : "AllowPull",  "Effect" : "Allow",
    "Principal" : { "AWS" : [ "arn:aws:iam::999888777666:root", "arn:aws:iam::999888777666:user/dev" ] },
    "Action" : [ "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer" ] } ]
}
`

// endOf makes of a repository what a large one is before its rows are removed.
func endOf(id int64) func(tx *sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE repository SET account = '', name = '' || id WHERE id = $1`, id)
		return err
	}
}

// API-43, API-46, API-47: the text comes back byte for byte, and who it names is kept by unique id.
func TestPolicyText(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("shared")
		_, err := r.Policy(w.Context())
		w.refused(err, fault.RepositoryPolicyNotFound, "Repository policy does not exist for the repository with name 'shared' in the registry with id '111222333444'")
		_, err = r.DeletePolicy(w.Context())
		w.refused(err, fault.RepositoryPolicyNotFound, "")
		_, err = r.SetPolicy(w.root(vendor), allowCustomer, false)
		w.refused(err, fault.InvalidParameter, "Principal not found") // user/dev is not there yet

		dev := w.user(customer, "dev", "ecr:*")
		text, err := r.SetPolicy(w.root(vendor), allowCustomer, false)
		if err != nil || text != allowCustomer {
			w.Fatalf("%q %v", text, err)
		}
		if text, err = w.again("shared").Policy(w.Context()); err != nil || text != allowCustomer {
			w.Fatalf("%q %v", text, err)
		}
		_, err = w.Open(w.call(dev), ref("shared"), "ecr:BatchGetImage")
		w.ok(err)
		_, err = w.Open(w.call(dev), ref("shared"), "ecr:PutImage")
		w.refused(err, fault.AccessDenied, "because no resource-based policy allows the ecr:PutImage action")

		// A user made again under the same name is another one, and the policy shows whom it meant.
		root := w.root(customer)
		keys, _, err := w.dir.AccessKeys(root, "dev", iam.Page{})
		w.ok(err)
		w.ok(w.dir.DeleteAccessKey(root, "dev", keys[0].ID))
		w.ok(w.dir.DeleteInlinePolicy(root, iam.Ref{Kind: iam.KindUser, Name: "dev"}, "p"))
		w.ok(w.dir.DeleteUser(root, "dev"))
		w.user(customer, "dev", "ecr:*")
		text, err = w.again("shared").Policy(w.Context())
		w.ok(err)
		if !strings.Contains(text, `"AIDA`) || strings.Contains(text, "user/dev") || !strings.Contains(text, `"arn:aws:iam::999888777666:root"`) {
			w.Errorf("%s", text)
		}
		if text, err = w.again("shared").DeletePolicy(w.Context()); err != nil || !strings.Contains(text, "AllowPull") {
			w.Fatal(text, err)
		}
		_, err = w.again("shared").Policy(w.Context())
		w.refused(err, fault.RepositoryPolicyNotFound, "")
	})
}

// H81: what is not stored.
func TestPolicyRefusals(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("strict")
		statement := func(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }
		for _, text := range []string{
			"", "{", "[]", "null", `"x"`, statement(""),
			statement(`{"Effect":"Allow","Principal":"*","Action":"ecr:NoSuchAction"}`),
			statement(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}`),
			statement(`{"Effect":"Allow","Principal":{"AWS":"nobody"},"Action":"ecr:BatchGetImage"}`),
			statement(`{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"StringSortOf":{"aws:username":"x"}}}`),
			statement(`{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::999888777666:root"},"Action":"ecr:BatchGetImage"}`),
			statement(`{"Sid":"a","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"},{"Sid":"a","Effect":"Allow","Principal":"*","Action":"ecr:PutImage"}`),
			statement(`{"Effect":"Allow","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage"}`),
			`{"Version":"2020-01-01","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`,
			statement(`{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}`) + strings.Repeat(" ", 10_240),
		} {
			_, err := r.SetPolicy(w.root(vendor), text, true)
			w.refused(err, fault.InvalidParameter, "Invalid parameter at 'PolicyText' failed to satisfy constraint: '")
		}
		_, err := r.SetPolicy(w.root(vendor), statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"ecr:BatchGetImage"}`), true)
		w.refused(err, fault.InvalidParameter, "Principal not found") // no such account here
		_, err = w.again("strict").Policy(w.Context())
		w.refused(err, fault.RepositoryPolicyNotFound, "")
	})
}

// setPolicy sets a policy as the root user, whom none locks out.
func (w *world) setPolicy(name, text string) {
	w.Helper()
	_, err := w.again(name).SetPolicy(w.root(vendor), text, false)
	w.ok(err)
}

// API-45, H84: who would lock himself out is asked to force it; and the root user of the owner always gets back in, to the policy and to nothing else.
func TestPolicyLockout(t *testing.T) {
	each(t, func(w *world) {
		w.repo("locked")
		const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*"}]}`
		admin := w.user(vendor, "admin", "ecr:*")
		open := func(actions ...string) (*registry.Repo, error) {
			return w.Open(w.call(admin), ref("locked"), actions...)
		}
		r, err := open("ecr:SetRepositoryPolicy")
		w.ok(err)
		_, err = r.SetPolicy(w.call(admin), denyAll, false)
		w.refused(err, fault.InvalidParameter, "use force")
		_, err = r.Policy(w.Context())
		w.refused(err, fault.RepositoryPolicyNotFound, "")
		_, err = r.SetPolicy(w.call(admin), denyAll, true)
		w.ok(err)
		_, err = open("ecr:SetRepositoryPolicy")
		w.refused(err, fault.AccessDenied, "with an explicit deny in a resource-based policy")

		root := w.root(vendor)
		_, err = w.Open(root, ref("locked"), "ecr:BatchGetImage")
		w.refused(err, fault.AccessDenied, "explicit deny")
		_, err = w.Open(root, ref("locked"), "ecr:DeleteRepository")
		w.refused(err, fault.AccessDenied, "explicit deny")
		back, err := w.Open(root, ref("locked"), "ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy")
		w.ok(err)
		if text, err := back.Policy(root); err != nil || text != denyAll {
			w.Fatal(text, err)
		}
		_, err = w.Open(w.root(customer), ref("locked"), "ecr:SetRepositoryPolicy") // another root user is nobody here
		w.refused(err, fault.AccessDenied, "")
		_, err = back.DeletePolicy(root)
		w.ok(err)
		_, err = open("ecr:SetRepositoryPolicy")
		w.ok(err)
	})
}

// API-28: to a stranger a repository that does not exist is denied in the very words of one that does.
func TestExistenceDoesNotLeak(t *testing.T) {
	each(t, func(w *world) {
		w.repo("there")
		_, there := w.Open(w.root(customer), ref("there"), "ecr:BatchGetImage")
		_, gone := w.Open(w.root(customer), ref("none"), "ecr:BatchGetImage")
		w.refused(there, fault.AccessDenied, "")
		w.refused(gone, fault.AccessDenied, "")
		if a, b := fault.As(there).Message, fault.As(gone).Message; strings.ReplaceAll(a, "/there", "/none") != b {
			w.Errorf("%s\n%s", a, b)
		}
		// In one's own account it is said.
		_, err := w.Open(w.call(w.user(vendor, "u", "ecr:*")), ref("none"), "ecr:BatchGetImage")
		w.refused(err, fault.RepositoryNotFound, "")
		_, err = w.Open(w.call(w.user(vendor, "v")), ref("none"), "ecr:BatchGetImage")
		w.refused(err, fault.AccessDenied, "because no identity-based policy allows the ecr:BatchGetImage action")
	})
}

// API-49: settings of an account in a region.
func TestAccountSettings(t *testing.T) {
	each(t, func(w *world) {
		root := w.root(vendor)
		for name, want := range map[string]string{registry.BlobMounting: "DISABLED", registry.RegistryPolicyScope: "V2", registry.BasicScanType: "AWS_NATIVE"} {
			if got, err := w.AccountSetting(root, vendor, region, name); err != nil || got != want {
				w.Errorf("%s is %s, %v", name, got, err)
			}
		}
		w.ok(w.PutAccountSetting(root, vendor, region, registry.BlobMounting, "ENABLED"))
		if got, err := w.AccountSetting(root, vendor, region, registry.BlobMounting); err != nil || got != "ENABLED" {
			w.Error(got, err)
		}
		if got, err := w.AccountSetting(root, vendor, "us-east-1", registry.BlobMounting); err != nil || got != "DISABLED" {
			w.Error(got, err)
		}
		w.refused(w.PutAccountSetting(root, vendor, region, registry.BlobMounting, "MAYBE"), fault.InvalidParameter, "")
		w.refused(w.PutAccountSetting(root, vendor, region, "OTHER", "x"), fault.InvalidParameter, "")
		_, err := w.AccountSetting(root, vendor, region, "OTHER")
		w.refused(err, fault.InvalidParameter, "")
		w.refused(w.PutAccountSetting(w.call(w.user(vendor, "u")), vendor, region, registry.BlobMounting, "DISABLED"), fault.AccessDenied, "ecr:PutAccountSetting")
		w.ok(w.Describe(root, vendor, region))
		w.refused(w.Describe(w.root(customer), vendor, region), fault.AccessDenied, "ecr:DescribeRegistry")
	})
}
