package organizations_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/berthtest"
)

// A repository is shared with all accounts below a unit, now and later, by one condition (ORG-7): whoever is below it pulls at the next request, whoever is not
// below it is refused at the next request, and for who is in no organization the condition has nothing to look at (ORG-6).
func TestSharingWithAUnit_ORG5_ORG6_ORG7_ORG8(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ou := s.addUnit(s.root, "workloads")
	nested := s.addUnit(s.addUnit(ou, "production"), "eu")
	sibling := s.addUnit(s.root, "sandbox")

	image := berthtest.NewImage([]byte("shared"))
	vendor := s.manager.ECR(where)
	login := s.manager.Login(t, where)
	type shared struct{ name, pattern string }
	repositories := []shared{
		{"any-root", s.id + "/*/" + ou + "/*"},
		{"this-root", s.id + "/" + s.root + "/" + ou + "/*"},
		{"below-only", s.id + "/*/" + ou + "/ou-*"},
	}
	for _, r := range repositories {
		_, err := vendor.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &r.name})
		s.must(err)
		_, err = vendor.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: &r.name, PolicyText: aws.String(`{"Version":"2012-10-17","Statement":[{
			"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"],
			"Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["` + r.pattern + `"]}}}]}`)})
		s.must(err)
		s.Push(t, login, management+"/"+where+"/"+r.name, "1", image)
	}
	// pulls says which repositories a caller can pull from, by the AWS API and by the registry interface alike.
	pulls := func(c *berthtest.Caller) string {
		t.Helper()
		var got []string
		password := c.Login(t, where)
		for _, r := range repositories {
			out, err := c.ECR(where).BatchGetImage(ctx, &ecr.BatchGetImageInput{
				RegistryId: aws.String(management), RepositoryName: &r.name, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: aws.String("1")}},
			})
			ok := err == nil && len(out.Images) == 1
			if err != nil && !strings.Contains(err.Error(), "because no resource-based policy allows the ecr:BatchGetImage action") {
				t.Errorf("%s: %v", r.name, err)
			}
			resp, body := s.Do(t, password, "GET", management+"/"+where+"/"+r.name+"/manifests/1", nil)
			if ok != (resp.StatusCode == http.StatusOK) || !ok && resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s: BatchGetImage %v, the registry interface %s %s", r.name, err, resp.Status, body)
			}
			if ok {
				got = append(got, r.name)
			}
		}
		return strings.Join(got, " ")
	}
	check := func(what string, c *berthtest.Caller, want string) {
		t.Helper()
		if got := pulls(c); got != want {
			t.Errorf("%s pulls from %q, want %q", what, got, want)
		}
	}
	const all, top = "any-root this-root below-only", "any-root this-root"

	id := s.addAccount("team")
	team := s.enter(id)
	check("an account at the root", team, "")
	s.must(s.put(id, s.root, ou))
	check("an account of the unit", team, top)
	s.must(s.put(id, ou, nested))
	check("an account of a nested unit", team, all)
	s.must(s.put(id, nested, sibling))
	check("an account of a sibling unit", team, "")
	s.must(s.put(id, sibling, ou))
	check("an account that came back", team, top)
	s.must(s.put(id, ou, s.root))
	check("an account that was moved out", team, "")

	newer := s.addAccount("newer")
	s.must(s.put(newer, s.root, nested))
	check("a new account", s.enter(newer), all)

	const outsider = "555666777888"
	outside := s.Account(t, outsider)
	check("an account in no organization", outside.Caller, "")
	_, err := outside.Organizations().CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	s.must(err)
	check("another organization's", outside.Caller, "")

	// Out of the organization the place is lost, and the key is absent again.
	s.must(s.put(id, s.root, ou))
	check("back in the unit", team, top)
	_, err = s.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &id})
	s.must(err)
	check("an account that was removed", team, "")
}
