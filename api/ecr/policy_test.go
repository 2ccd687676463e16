package ecr_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// sharing is the policy of the sharing guides (HTTP-35), oddly laid out so that a change of a byte would show.
const sharing = `{ "Version" : "2008-10-17",
	"Statement": [ {"Sid":"AllowPull", "Effect":"Allow",  "Principal":{"AWS":"arn:aws:iam::999888777666:root"},
  "Action":["ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage", "ecr:GetAuthorizationToken"] } ]
}
`

func TestRepositoryPolicy_API43_API44_API46_API47(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	b.root(t, customer, region)
	c.repository(t, "rake-app")
	const missing = "Repository policy does not exist for the repository with name 'rake-app' in the registry with id '111222333444'"
	get := func() (*ecr.GetRepositoryPolicyOutput, error) {
		return c.GetRepositoryPolicy(c.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("rake-app")})
	}
	remove := func() (*ecr.DeleteRepositoryPolicyOutput, error) {
		return c.DeleteRepositoryPolicy(c.ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("rake-app")})
	}
	_, err := get()
	refused(t, err, "RepositoryPolicyNotFoundException", missing)
	_, err = remove()
	refused(t, err, "RepositoryPolicyNotFoundException", missing)

	set := must(c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("rake-app"), PolicyText: aws.String(sharing)}))(t)
	if *set.PolicyText != sharing || *set.RegistryId != vendor || *set.RepositoryName != "rake-app" {
		t.Errorf("SetRepositoryPolicy answers %+v", set)
	}
	got := must(get())(t)
	if *got.PolicyText != sharing || *got.RegistryId != vendor || *got.RepositoryName != "rake-app" {
		t.Errorf("GetRepositoryPolicy answers %q", *got.PolicyText)
	}
	if was := must(remove())(t); *was.PolicyText != sharing || *was.RegistryId != vendor || *was.RepositoryName != "rake-app" {
		t.Errorf("DeleteRepositoryPolicy answers %q", *was.PolicyText)
	}
	_, err = get()
	refused(t, err, "RepositoryPolicyNotFoundException", missing)
}

func TestInvalidRepositoryPolicies_API43(t *testing.T) {
	c := start(t).root(t, vendor, region)
	c.repository(t, "app")
	const invalid = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'…"
	statement := func(members string) string { return `{"Version":"2012-10-17","Statement":[{` + members + `}]}` }
	for name, test := range map[string]struct{ text, message string }{
		"no JSON":             {"{", invalid},
		"unknown element":     {statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*","Colour":"red"`), invalid},
		"no principal":        {statement(`"Effect":"Allow","Action":"ecr:*"`), invalid},
		"another service":     {statement(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject"`), invalid},
		"no such account":     {statement(`"Effect":"Allow","Principal":{"AWS":"000000000001"},"Action":"ecr:*"`), "Invalid parameter at 'PolicyText' failed to satisfy constraint: …"},
		"no such user":        {statement(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111222333444:user/nobody"},"Action":"ecr:*"`), "Invalid parameter at 'PolicyText' failed to satisfy constraint: …"},
		"over 10240 letters":  {statement(`"Sid":"` + strings.Repeat("a", 10240) + `","Effect":"Allow","Principal":"*","Action":"ecr:*"`), "Invalid parameter at 'policyText' failed to satisfy constraint: 'Member must have length less than or equal to 10240'"},
		"an unknown Version":  {strings.Replace(statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*"`), "2012-10-17", "2030-01-01", 1), invalid},
		"neither one Effect ": {statement(`"Effect":"Maybe","Principal":"*","Action":"ecr:*"`), invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: &test.text})
			refused(t, err, "InvalidParameterException", test.message)
		})
	}
	if _, err := c.GetRepositoryPolicy(c.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("app")}); err == nil {
		t.Error("a refused policy was stored")
	}
	// A Resource is superfluous but accepted (IAMP-4.3).
	must(c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"),
		PolicyText: aws.String(statement(`"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"`))}))(t)
}

func TestDeletedPrincipalsShowAsTheirIDs_API46(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	c.repository(t, "app")
	users := b.root(t, customer, region).as.IAM()
	id := *must(users.CreateUser(c.ctx, &iam.CreateUserInput{UserName: aws.String("leaver")}))(t).User.UserId
	const text = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999888777666:user/leaver"},"Action":"ecr:BatchGetImage"}}`
	must(c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(text)}))(t)
	get := func() string {
		return *must(c.GetRepositoryPolicy(c.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("app")}))(t).PolicyText
	}
	if got := get(); got != text {
		t.Errorf("got %s", got)
	}
	must(users.DeleteUser(c.ctx, &iam.DeleteUserInput{UserName: aws.String("leaver")}))(t)
	gone := strings.Replace(text, "arn:aws:iam::999888777666:user/leaver", id, 1)
	if got := get(); got != gone || !strings.HasPrefix(id, "AIDA") {
		t.Errorf("got %s, want %s", got, gone)
	}
	// Somebody new under the old name inherits nothing.
	must(users.CreateUser(c.ctx, &iam.CreateUserInput{UserName: aws.String("leaver")}))(t)
	if got := get(); got != gone {
		t.Errorf("got %s, want %s", got, gone)
	}
}

func TestPolicyMustNotLockItsAuthorOut_API45(t *testing.T) {
	b := start(t)
	c := b.user(t, vendor, region, "author", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)
	c.repository(t, "app")
	set := func(text string, force bool) error {
		_, err := c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: &text, Force: force})
		return err
	}
	const lock = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:SetRepositoryPolicy"}]}`
	refused(t, set(lock, false), "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: …")
	if err := set(lock, true); err != nil {
		t.Fatal(err)
	}
	refused(t, set(sharing, true), "AccessDeniedException", "User: arn:aws:iam::111222333444:user/author is not authorized to perform: ecr:SetRepositoryPolicy on resource: "+
		"arn:aws:ecr:us-east-2:111222333444:repository/app with an explicit deny in a resource-based policy")
	// The owner's root user opens it again (IAMP-4.3).
	root := b.root(t, vendor, region)
	must(root.DeleteRepositoryPolicy(root.ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("app")}))(t)
}
