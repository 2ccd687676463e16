package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/registry"
)

// API-34 to API-40: what a repository is made with, read again, and ended.
func TestRepository(t *testing.T) {
	each(t, func(w *world) {
		root := w.root(vendor)
		made, err := w.CreateRepository(root, ref("team/app"), registry.NewRepository{})
		w.ok(err)
		if made.ARN() != "arn:aws:ecr:us-east-2:111222333444:repository/team/app" || made.Mutability.Mode != "MUTABLE" || made.Encryption.Type != "AES256" || made.ScanOnPush {
			w.Fatalf("%+v", made.Repository)
		}
		list, err := w.RepositoriesByName(root, vendor, region, []string{"team/app"})
		if err != nil || len(list) != 1 || list[0].ID != made.ID || !list[0].CreatedAt.Equal(made.CreatedAt) {
			w.Fatalf("%+v %v", list, err)
		}
		_, err = w.CreateRepository(root, ref("team/app"), registry.NewRepository{})
		w.refused(err, fault.RepositoryAlreadyExists, "The repository with name 'team/app' already exists in the registry with id '111222333444'")
		// The same name in another region and in another account is another repository (API-27).
		_, err = w.CreateRepository(root, registry.Ref{Account: vendor, Region: "us-east-1", Name: "team/app"}, registry.NewRepository{})
		w.ok(err)
		_, err = w.CreateRepository(w.root(customer), registry.Ref{Account: customer, Region: region, Name: "team/app"}, registry.NewRepository{})
		w.ok(err)
		_, err = w.CreateRepository(w.root(customer), ref("customers"), registry.NewRepository{})
		w.refused(err, fault.AccessDenied, "is not authorized to perform: ecr:CreateRepository on resource: arn:aws:ecr:us-east-2:111222333444:repository/customers")

		_, err = w.RepositoriesByName(root, vendor, region, []string{"team/app", "none"}) // API-39
		w.refused(err, fault.RepositoryNotFound, "The repository with name 'none' does not exist in the registry with id '111222333444'")

		w.pushed(made, "")
		w.refused(made.Delete(w.Context(), false), fault.RepositoryNotEmpty,
			"The repository with name 'team/app' in registry with id '111222333444' cannot be deleted because it still contains images")
		w.ok(made.Delete(w.Context(), true))
		_, err = w.Open(root, ref("team/app"), "ecr:DescribeRepositories")
		w.refused(err, fault.RepositoryNotFound, "")
		w.refused(made.Delete(w.Context(), true), fault.RepositoryNotFound, "") // a handle of before
		w.refused(made.SetScanOnPush(w.Context(), true), fault.RepositoryNotFound, "")
		_, err = made.PutImage(w.Context(), registry.PutImage{Body: []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)})
		w.refused(err, fault.RepositoryNotFound, "")
	})
}

// API-36, API-38, API-41: what a repository cannot be made with.
func TestRepositoryRefusals(t *testing.T) {
	each(t, func(w *world) {
		with := func(mode string, filters ...string) registry.NewRepository {
			return registry.NewRepository{Mutability: registry.TagMutability{Mode: mode, Exclusions: filters}}
		}
		for _, c := range []struct {
			name string
			n    registry.NewRepository
			code fault.Code
			text string
		}{
			{"A", registry.NewRepository{}, fault.NameInvalid, ""},
			{"a/../b", registry.NewRepository{}, fault.NameInvalid, ""},
			{"ok", registry.NewRepository{Encryption: registry.Encryption{Type: "AES256", KMSKey: "k"}}, fault.InvalidParameter, "Encryption key should not be set for AES256 encryption."},
			{"ok", registry.NewRepository{Encryption: registry.Encryption{Type: "KMS"}}, fault.EncryptionKeyUnusable, "no key service"},
			{"ok", registry.NewRepository{Encryption: registry.Encryption{Type: "ROT13"}}, fault.InvalidParameter, "enum value set"},
			{"ok", with("SOMETIMES"), fault.InvalidParameter, "enum value set"},
			{"ok", with("MUTABLE", "v*"), fault.InvalidParameter, "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set to MUTABLE"},
			{"ok", with("IMMUTABLE_WITH_EXCLUSION"), fault.InvalidParameter, "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set to IMMUTABLE_WITH_EXCLUSION"},
			{"ok", with("MUTABLE_WITH_EXCLUSION", "1", "2", "3", "4", "5", "6"), fault.InvalidParameter, "less than or equal to 5"},
			{"ok", with("MUTABLE_WITH_EXCLUSION", "a*b*c*"), fault.InvalidParameter, "at most 2 wildcards"},
			{"ok", with("MUTABLE_WITH_EXCLUSION", "a/b"), fault.InvalidParameter, "must satisfy regular expression"},
			{"ok", with("MUTABLE_WITH_EXCLUSION", ""), fault.InvalidParameter, "must satisfy regular expression"},
			{"ok", registry.NewRepository{Tags: []registry.Tag{{Key: "aws:x"}}}, fault.InvalidTagParameter, "aws: prefixed"},
			{"ok", registry.NewRepository{Tags: []registry.Tag{{Key: "a"}, {Key: "A"}}}, fault.InvalidTagParameter, "stands twice"},
			{"ok", registry.NewRepository{Tags: make([]registry.Tag, 1)}, fault.InvalidTagParameter, "1 to 128"},
			{"ok", registry.NewRepository{Tags: []registry.Tag{{Key: "a", Value: strings.Repeat("v", 257)}}}, fault.InvalidTagParameter, "256"},
			{"ok", registry.NewRepository{Tags: tags(51)}, fault.TooManyTags, "50"},
		} {
			_, err := w.CreateRepository(w.root(vendor), ref(c.name), c.n)
			w.refused(err, c.code, c.text)
		}
		if list, _, err := w.Repositories(w.root(vendor), vendor, region, "", 10); err != nil || len(list) != 0 {
			w.Fatalf("something was made: %v %v", list, err)
		}
	})
}

func tags(n int) (list []registry.Tag) {
	for i := range n {
		list = append(list, registry.Tag{Key: fmt.Sprintf("key%02d", i), Value: "v"})
	}
	return list
}

// API-37, API-42, H58: resource tags.
func TestResourceTags(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("tagged", func(n *registry.NewRepository) {
			n.Tags = []registry.Tag{{Key: "team", Value: "a"}, {Key: "env", Value: "prod"}}
		})
		w.ok(r.TagResource(w.Context(), []registry.Tag{{Key: "team", Value: "b"}, {Key: "cost", Value: ""}}))
		w.ok(w.again("tagged").UntagResource(w.Context(), []string{"env", "none"}))
		got, err := w.again("tagged").ResourceTags(w.Context())
		if err != nil || !slices.Equal(got, []registry.Tag{{Key: "cost"}, {Key: "team", Value: "b"}}) {
			w.Fatal(got, err)
		}
		w.refused(r.TagResource(w.Context(), tags(49)), fault.TooManyTags, "")
		w.ok(r.TagResource(w.Context(), tags(48)))

		// The tags decide in policies (API-30), from the next request on.
		key := w.user(vendor, "tagger")
		w.setPolicy("tagged", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111222333444:user/tagger"},"Action":"ecr:ListImages",
			"Condition":{"StringEquals":{"aws:ResourceTag/team":"c"}}}]}`)
		_, err = w.Open(w.call(key), ref("tagged"), "ecr:ListImages")
		w.refused(err, fault.AccessDenied, "")
		w.ok(w.again("tagged").TagResource(w.Context(), []registry.Tag{{Key: "team", Value: "c"}}))
		_, err = w.Open(w.call(key), ref("tagged"), "ecr:ListImages")
		w.ok(err)
	})
}

// API-10, API-11, HTTP-27: every repository exactly once, in the order of names, whatever is made beside the pages.
func TestListRepositories(t *testing.T) {
	each(t, func(w *world) {
		var want []string
		for i := range 23 {
			name := fmt.Sprintf("r%d", i)
			if i%2 == 0 {
				name = fmt.Sprintf("r-%d/x_%d", i, i)
			}
			w.repo(name)
			want = append(want, name)
		}
		slices.Sort(want)
		for limit := 1; limit < 26; limit += 4 {
			var got []string
			after := ""
			for {
				list, next, err := w.Repositories(w.root(vendor), vendor, region, after, limit)
				w.ok(err)
				for _, r := range list {
					got = append(got, r.Name)
				}
				if next == "" {
					break
				}
				after = next
				if len(got) == limit {
					w.repo(fmt.Sprintf("a%d", limit)) // before the page: not seen, and nothing is seen twice
				}
			}
			if got = slices.DeleteFunc(got, func(s string) bool { return s[0] == 'a' }); !slices.Equal(got, want) {
				w.Fatalf("pages of %d: %v, want %v", limit, got, want)
			}
		}
		if _, _, err := w.Repositories(w.root(customer), vendor, region, "", 10); !fault.Is(err, fault.AccessDenied) {
			w.Error(err)
		}
	})
}

// A large repository is gone at once, and with all its rows, also when the process ends on the way.
func TestLargeRepositoryIsRemoved(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("large")
		for i := range 600 {
			w.image(r, fmt.Sprintf("t%d", i), encode(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []any{},
				"annotations": map[string]string{"n": fmt.Sprint(i)}}))
		}
		id := w.start(r)
		w.ok(r.Delete(w.Context(), true))
		_, err := w.Open(w.root(vendor), ref("large"), "ecr:ListImages")
		w.refused(err, fault.RepositoryNotFound, "")
		again := w.repo("large")
		if names, _, err := again.TagNames(w.Context(), "", 10); err != nil || len(names) != 0 {
			w.Fatal(names, err)
		}
		_, err = again.Upload(w.Context(), id)
		w.refused(err, fault.UploadNotFound, "")
		for _, count := range []string{`SELECT count(*) FROM manifest`, `SELECT count(*) FROM tag`, `SELECT count(*) FROM manifest_ref`, `SELECT count(*) FROM layer`, `SELECT count(*) FROM upload`} {
			var n int
			w.ok(w.db.Row(w.Context(), count, nil, &n))
			if n != 0 {
				w.Errorf("%s: %d rows are left", count, n)
			}
		}
		// A rest from before.
		w.ok(w.db.Write(w.Context(), endOf(again.ID)))
		w.ok(w.RemoveDeleted(w.Context()))
		var n int
		w.ok(w.db.Row(w.Context(), `SELECT count(*) FROM repository`, nil, &n))
		if n != 0 {
			w.Errorf("%d repositories are left", n)
		}
	})
}
