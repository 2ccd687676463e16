package registry_test

import (
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
)

// template makes a creation template for pushes.
func (w *world) template(prefix string, change ...func(*registry.Template)) {
	w.Helper()
	t := registry.Template{Prefix: prefix, AppliedFor: []string{registry.CreateOnPush}}
	for _, f := range change {
		f(&t)
	}
	_, err := w.CreateTemplate(w.root(vendor), vendor, region, t)
	w.ok(err)
}

// role makes a role that ECR may assume, with an identity policy for actions, and answers its ARN.
func (w *world) role(name, trusted string, actions ...string) string {
	w.Helper()
	root := w.root(vendor)
	r, err := w.dir.CreateRole(root, iam.NewRole{Name: name, Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + trusted + `"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"111222333444"}}}]}`})
	w.ok(err)
	w.ok(w.dir.PutInlinePolicy(root, iam.Ref{Kind: iam.KindRole, Name: name}, "p",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["`+strings.Join(actions, `","`)+`"],"Resource":"*"}]}`))
	return r.ARN
}

// REP-21: the longest prefix that is a path before the name, for the scenario; ROOT for all that no other is for; no prefix covers itself or what only begins like it.
func TestTemplateIsChosenByPath(t *testing.T) {
	each(t, func(w *world) {
		tag := func(mode string) func(*registry.Template) {
			return func(t *registry.Template) { t.Mutability.Mode = mode }
		}
		w.template("prod", tag(registry.Immutable))
		w.template("prod/team/", tag(registry.Mutable))
		w.template("prod/team/deep", func(t *registry.Template) { t.AppliedFor = []string{registry.Replication} })
		push := func(name string) (string, fault.Code) {
			r, err := w.OpenToPush(w.root(vendor), ref(name), "ecr:InitiateLayerUpload")
			if err != nil {
				return "", w.code(err)
			}
			return r.Mutability.Mode, ""
		}
		for name, want := range map[string]string{"prod/app": registry.Immutable, "prod/teams": registry.Immutable, "prod/team/app": registry.Mutable, "prod/team/deep/app": registry.Mutable, "prod/team": registry.Immutable} {
			if got, code := push(name); got != want {
				w.Errorf("%s: %s %s", name, got, code)
			}
		}
		for _, name := range []string{"prod", "production/app", "app"} {
			if _, code := push(name); code != fault.RepositoryNotFound {
				w.Errorf("%s: %s", name, code)
			}
		}
		w.template(registry.Root, tag(registry.Immutable))
		for _, name := range []string{"prod", "production/app", "app"} {
			if got, code := push(name); got != registry.Immutable {
				w.Errorf("%s by ROOT: %s %s", name, got, code)
			}
		}
		w.refused(w.CreateFromTemplate(w.root(vendor), ref("cache/app"), registry.PullThroughCache), fault.RepositoryNotFound, "The repository with name 'cache/app' does not exist")
		w.ok(w.CreateFromTemplate(w.root(vendor), ref("prod/team/deep/copy"), registry.Replication))
	})
}

// REP-20, REP-23: a push to a repository that does not exist makes it as the template says, whole, for whoever may push and create; nobody else makes anything, nor
// does a request that is no push.
func TestCreateOnPush(t *testing.T) {
	each(t, func(w *world) {
		w.template("team", func(t *registry.Template) {
			t.Mutability = registry.TagMutability{Mode: registry.ImmutableWithExcl, Exclusions: []string{"dev*"}}
			t.Policy = strings.ReplaceAll(allowCustomer, `, "arn:aws:iam::999888777666:user/dev"`, "")
		})
		pusher := w.user(vendor, "pusher", "ecr:InitiateLayerUpload", "ecr:PutImage")
		maker := w.user(vendor, "maker", "ecr:InitiateLayerUpload", "ecr:CreateRepository")
		puller := w.user(vendor, "puller", "ecr:BatchGetImage", "ecr:CreateRepository")
		stranger := w.user(customer, "stranger", "ecr:*")
		there := func() error {
			_, err := w.Open(w.root(vendor), ref("team/app"), "ecr:DescribeImages")
			return err
		}
		begin := func(key *iam.AccessKey) error {
			_, err := w.OpenToPush(w.call(key), ref("team/app"), "ecr:InitiateLayerUpload")
			return err
		}
		w.refused(begin(pusher), fault.AccessDenied, "ecr:CreateRepository on resource: arn:aws:ecr:us-east-2:111222333444:repository/team/app because no identity-based policy allows")
		w.refused(begin(puller), fault.AccessDenied, "ecr:InitiateLayerUpload")
		w.refused(begin(stranger), fault.AccessDenied, "no resource-based policy allows the ecr:InitiateLayerUpload action")
		_, err := w.OpenToPush(w.call(maker), ref("UPPER"), "ecr:InitiateLayerUpload")
		w.refused(err, fault.NameInvalid, "")
		_, err = w.Open(w.root(vendor), ref("team/app"), "ecr:BatchGetImage")
		w.refused(err, fault.RepositoryNotFound, "")
		w.refused(there(), fault.RepositoryNotFound, "")

		w.ok(begin(maker))
		w.ok(there())
		w.ok(begin(pusher)) // it is there now
		r := w.again("team/app")
		if r.Mutability.Mode != registry.ImmutableWithExcl || !r.Mutability.IsImmutable("v1") || r.Mutability.IsImmutable("dev1") {
			w.Errorf("made with %+v", r.Mutability)
		}
		text, err := r.Policy(w.Context())
		if err != nil || !strings.Contains(text, "999888777666:root") {
			w.Error(text, err)
		}
		_, err = w.Open(w.call(stranger), ref("team/app"), "ecr:BatchGetImage") // by the policy that it came with
		w.ok(err)

		made := 0
		w.ok(w.log.Find(w.Context(), audit.Filter{}, func(r *audit.Record) error {
			if r.Action == "ecr:CreateRepository" && r.Resource == ref("team/app").ARN() && r.Decision == "Allow" {
				made++
			}
			return nil
		}))
		if made != 1 {
			w.Errorf("the audit tells of %d creations", made)
		}
		// REP-22: what is there stays as it is, whatever the template becomes.
		_, err = w.UpdateTemplate(w.root(vendor), vendor, region, "team", func(t *registry.Template) { t.Mutability = registry.TagMutability{Mode: registry.Mutable} })
		w.ok(err)
		if r := w.again("team/app"); r.Mutability.Mode != registry.ImmutableWithExcl {
			w.Errorf("changed to %+v", r.Mutability)
		}
		// PutImage makes one too (REP-23); of two pushes at once neither fails.
		_, err = w.OpenImageToPush(w.root(vendor), ref("team/other"), registry.Reference{Tag: "v1"})
		w.ok(err)
		w.ok(w.CreateFromTemplate(w.root(vendor), ref("team/other"), registry.CreateOnPush))
	})
}

// REP-24: a template with resource tags needs a role, which makes the repository by what it may do itself; whoever lends it must be allowed to (iam:PassRole).
func TestTemplateWithRole(t *testing.T) {
	each(t, func(w *world) {
		tags := []registry.Tag{{Key: "team", Value: "a"}}
		pusher := w.user(vendor, "pusher", "ecr:InitiateLayerUpload")
		push := func(name string) error {
			_, err := w.OpenToPush(w.call(pusher), ref(name), "ecr:InitiateLayerUpload")
			return err
		}
		w.template("bare", func(t *registry.Template) { t.Tags = tags })
		w.refused(push("bare/app"), fault.Validation, "customRoleArn")

		role := w.role("templates", "ecr.amazonaws.com", "ecr:CreateRepository", "ecr:TagResource")
		w.template("team", func(t *registry.Template) { t.Tags, t.Role = tags, role })
		w.ok(push("team/app"))
		if got, err := w.again("team/app").ResourceTags(w.Context()); err != nil || len(got) != 1 || got[0] != tags[0] {
			w.Error(got, err)
		}
		by := ""
		w.ok(w.log.Find(w.Context(), audit.Filter{}, func(r *audit.Record) error {
			if r.Action == "ecr:CreateRepository" && r.Decision == "Allow" {
				by = r.Principal
			}
			return nil
		}))
		if by != "arn:aws:sts::111222333444:assumed-role/templates/ECRTemplate" {
			w.Errorf("made by %s", by)
		}

		untrusted := w.role("untrusted", "codebuild.amazonaws.com", "ecr:*")
		w.template("untrusted", func(t *registry.Template) { t.Role = untrusted })
		w.refused(push("untrusted/app"), fault.AccessDenied, "User: ecr.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: "+untrusted)
		weak := w.role("weak", "ecr.amazonaws.com", "ecr:CreateRepository")
		w.template("weak", func(t *registry.Template) { t.Tags, t.Role = tags, weak })
		w.refused(push("weak/app"), fault.AccessDenied, "assumed-role/weak/ECRTemplate is not authorized to perform: ecr:TagResource")

		// Who may make templates but not pass roles cannot borrow one.
		admin := w.user(vendor, "admin", "ecr:*")
		_, err := w.CreateTemplate(w.call(admin), vendor, region, registry.Template{Prefix: "x", AppliedFor: []string{registry.CreateOnPush}, Role: role})
		w.refused(err, fault.AccessDenied, "iam:PassRole on resource: "+role)
		_, err = w.UpdateTemplate(w.call(admin), vendor, region, "bare", func(t *registry.Template) { t.Role = role })
		w.refused(err, fault.AccessDenied, "iam:PassRole")
		_, err = w.UpdateTemplate(w.call(admin), vendor, region, "bare", func(t *registry.Template) { t.Description = "d" })
		w.ok(err)
	})
}

// REP-25, H88: each part of a template is held to the rules of the operation that sets it by hand.
func TestTemplateIsChecked(t *testing.T) {
	each(t, func(w *world) {
		create := func(change func(*registry.Template)) error {
			t := registry.Template{Prefix: "p", AppliedFor: []string{registry.CreateOnPush}}
			change(&t)
			_, err := w.CreateTemplate(w.root(vendor), vendor, region, t)
			return err
		}
		wrong := fault.As(w.repo("wording").SetLifecycle(w.Context(), `{"rules":[]}`)).Message // as where it is put (REP-25)
		for _, c := range []struct {
			what   string
			code   fault.Code
			text   string
			change func(*registry.Template)
		}{
			{"no scenario", fault.InvalidParameter, "appliedFor", func(t *registry.Template) { t.AppliedFor = nil }},
			{"filters without their mode", fault.InvalidParameter, "are not allowed when imageTagMutability is set to MUTABLE", func(t *registry.Template) { t.Mutability.Exclusions = []string{"a*"} }},
			{"a key of another region", fault.Validation, "is not the ARN of a key in us-east-2", func(t *registry.Template) {
				t.Encryption = registry.Encryption{Type: "KMS", KMSKey: "arn:aws:kms:us-east-1:111222333444:key/1"}
			}},
			{"KMS, of which there is none", fault.Validation, "no key service", func(t *registry.Template) { t.Encryption.Type = "KMS" }},
			{"a key for AES256", fault.InvalidParameter, "Encryption key should not be set", func(t *registry.Template) { t.Encryption.KMSKey = "arn:aws:kms:us-east-2:111222333444:key/1" }},
			{"a reserved tag", fault.InvalidTagParameter, "aws:", func(t *registry.Template) { t.Tags = []registry.Tag{{Key: "aws:x"}} }},
			{"a policy", fault.InvalidParameter, "Invalid repository policy provided': line 1, column 2", func(t *registry.Template) { t.Policy = "{x" }},
			{"a lifecycle policy", fault.InvalidParameter, wrong, func(t *registry.Template) { t.Lifecycle = `{"rules":[]}` }},
			{"a role of another account", fault.Validation, "is not the ARN of a role of account 111222333444", func(t *registry.Template) { t.Role = "arn:aws:iam::999888777666:role/r" }},
			{"a role that is not there", fault.Validation, "does not exist", func(t *registry.Template) { t.Role = "arn:aws:iam::111222333444:role/r" }},
		} {
			err := create(c.change)
			if f := fault.As(err); f == nil || f.Code != c.code || !strings.Contains(f.Message, c.text) {
				w.Errorf("%s: %v", c.what, err)
			}
		}
		w.ok(create(func(*registry.Template) {}))
		w.refused(create(func(t *registry.Template) { t.Prefix = "p/" }), fault.TemplateAlreadyExists, "The Template with prefix 'p/' already exists")
		_, err := w.UpdateTemplate(w.root(vendor), vendor, region, "q", func(*registry.Template) {})
		w.refused(err, fault.TemplateNotFound, "The Template with prefix 'q' does not exist in the registry with id '111222333444'")
		_, err = w.DeleteTemplate(w.root(vendor), vendor, region, "q")
		w.refused(err, fault.TemplateNotFound, "")
		_, err = w.DeleteTemplate(w.root(vendor), vendor, region, "p")
		w.ok(err)
		for i := range 50 {
			w.template("n" + strings.Repeat("x", i))
		}
		w.refused(create(func(*registry.Template) {}), fault.LimitExceeded, "50 creation templates")
	})
}

// API-54, API-77: pulls of who is excluded leave no trace; those of others say when and by whom.
func TestPullTimeExclusions(t *testing.T) {
	each(t, func(w *world) {
		root := w.root(vendor)
		r := w.repo("app")
		d := w.pushed(r, "v1")
		scanner, dev := w.user(vendor, "scanner", "ecr:*"), w.user(vendor, "dev", "ecr:*")
		const scannerARN, devARN = "arn:aws:iam::111222333444:user/scanner", "arn:aws:iam::111222333444:user/dev"
		pull := func(key *iam.AccessKey) {
			w.Helper()
			ctx := w.call(key)
			r, err := w.Open(ctx, ref("app"), "ecr:BatchGetImage")
			w.ok(err)
			m, err := r.Manifest(ctx, registry.Reference{Digest: d})
			w.ok(err)
			r.Pulled(m)
		}
		image := func() registry.Image {
			w.Helper()
			list, _, err := r.Images(w.Context(), registry.ImageFilter{}, "", 1)
			w.ok(err)
			return list[0]
		}
		w.refused(w.IncludeInPullTimes(root, vendor, region, scannerARN), fault.ExclusionNotFound, scannerARN)
		_, err := w.ExcludeFromPullTimes(root, vendor, region, scannerARN)
		w.ok(err)
		_, err = w.ExcludeFromPullTimes(root, vendor, region, scannerARN)
		w.refused(err, fault.ExclusionAlreadyExists, scannerARN)
		if list, err := w.ExcludedFromPullTimes(root, vendor, region); err != nil || len(list) != 1 || list[0] != scannerARN {
			w.Fatal(list, err)
		}
		pull(dev)
		eventually(t, func() bool { return image().LastPuller == devARN })
		at := image().LastPull
		pull(scanner)
		pull(dev)
		eventually(t, func() bool { return image().LastPull.After(at) })
		if by := image().LastPuller; by != devARN {
			w.Errorf("last pulled by %s", by)
		}
		w.ok(w.IncludeInPullTimes(root, vendor, region, scannerARN))
		pull(scanner)
		eventually(t, func() bool { return image().LastPuller == scannerARN })
		_, err = w.ExcludeFromPullTimes(w.call(w.user(vendor, "u")), vendor, region, devARN)
		w.refused(err, fault.AccessDenied, "ecr:RegisterPullTimeUpdateExclusion")
	})
}
