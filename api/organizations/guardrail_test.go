package organizations_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/berth-registry/berth/berthtest"
)

const (
	memberID   = "222333444555"
	strangerID = "555666777888"
)

// member is an account of the organization: its root user, and an administrator in it.
type member struct {
	root, administrator *berthtest.Caller
}

// join makes an account, invites it into the organization, and moves it under a unit.
func (g *governed) join(id, unit string) *member {
	g.Helper()
	ctx := g.Context()
	m := &member{root: g.alone(id)}
	invited, err := g.c.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: &id, Type: types.HandshakePartyTypeAccount}})
	g.must(err)
	_, err = m.root.Organizations().AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: invited.Handshake.Id})
	g.must(err)
	g.must(g.put(id, g.root, unit))
	c := m.root.IAM()
	_, err = c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("administrator")})
	g.must(err)
	_, err = c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("administrator"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
	g.must(err)
	made, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("administrator")})
	g.must(err)
	m.administrator = g.As(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, "")
	return m
}

func (g *governed) repository(c *berthtest.Caller, region, name, policy string) {
	g.Helper()
	_, err := c.ECR(region).CreateRepository(g.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
	g.must(err)
	if policy != "" {
		_, err := c.ECR(region).SetRepositoryPolicy(g.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: &name, PolicyText: &policy})
		g.must(err)
	}
}

// denied asserts that err is ECR's refusal with a reason.
func (g *governed) denied(err error, reason string) {
	g.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "AccessDeniedException" || !strings.Contains(e.ErrorMessage(), reason) {
		g.Errorf("got %v, want AccessDeniedException with %q", err, reason)
	}
}

func deleteRepository(g *governed, c *berthtest.Caller, registry, name string) error {
	_, err := c.ECR(where).DeleteRepository(g.Context(), &ecr.DeleteRepositoryInput{RegistryId: &registry, RepositoryName: &name, Force: true})
	return err
}

func describe(g *governed, c *berthtest.Caller, region string) error {
	_, err := c.ECR(region).DescribeRepositories(g.Context(), &ecr.DescribeRepositoriesInput{})
	return err
}

// ORG-21, ORG-27, ORG-8: the story of the security team. A guard-rail on a unit binds administrators and root users below it, from the next request on, and nobody else.
func TestGuardRailsOnAUnit_ORG27(t *testing.T) {
	g := govern(t)
	g.enable(scp)
	top := g.addUnit(g.root, "Workloads")
	deep := g.addUnit(top, "Production")
	m := g.join(memberID, deep)
	for _, target := range []string{top, deep, memberID} {
		g.equal("on "+target, g.on(target, scp), "p-FullAWSAccess")
	}
	shared := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + memberID + `"]},"Action":"ecr:*"}]}`
	for _, name := range []string{"one", "two"} {
		g.repository(m.administrator, where, name, "")
	}
	g.repository(g.manager.Caller, where, "one", shared)

	keep := g.policy(scp, "keep", noDelete)
	g.must(g.attach(keep, top))
	reason := "with an explicit deny in a service control policy: arn:aws:organizations::111222333444:policy/" + g.id + "/service_control_policy/" + keep
	g.denied(deleteRepository(g, m.administrator, memberID, "one"), "User: arn:aws:iam::"+memberID+":user/administrator is not authorized to perform: ecr:DeleteRepository on resource: arn:aws:ecr:"+where+":"+memberID+":repository/one "+reason)
	g.denied(deleteRepository(g, m.root, memberID, "one"), "User: arn:aws:iam::"+memberID+":root is not authorized to perform: ecr:DeleteRepository on resource: arn:aws:ecr:"+where+":"+memberID+":repository/one "+reason)
	g.denied(deleteRepository(g, m.administrator, management, "one"), reason) // wherever the repository is
	g.must(describe(g, m.administrator, where))
	g.must(deleteRepository(g, g.manager.Caller, management, "one"))

	g.must(g.put(memberID, deep, g.root))
	g.must(deleteRepository(g, m.administrator, memberID, "one"))
	g.must(g.put(memberID, g.root, deep))
	g.denied(deleteRepository(g, m.administrator, memberID, "two"), reason)

	// Only two regions: what a level does not allow is denied though nothing says so.
	g.must(g.detach(keep, top))
	g.must(g.attach(g.policy(scp, "regions", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}}}]}`), deep))
	g.must(describe(g, m.administrator, "us-west-2"))
	g.must(g.detach("p-FullAWSAccess", deep))
	g.denied(describe(g, m.administrator, "us-west-2"), "with an explicit deny in a service control policy")
	g.denied(describe(g, m.root, "us-west-2"), "with an explicit deny in a service control policy")
	g.must(describe(g, m.administrator, "us-east-2"))
	g.must(describe(g, g.manager.Caller, "us-west-2"))

	// The limits of the data plane are the same: a container client signs in nowhere else.
	_, err := m.administrator.ECR("us-west-2").GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	g.denied(err, "with an explicit deny in a service control policy")
}

// ORG-28: what is in the accounts of a unit is closed to everybody outside the organization, whatever repository and trust policies say.
func TestGuardRailsAroundResources_ORG28(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	g.enable(rcp)
	unit := g.addUnit(g.root, "Workloads")
	m := g.join(memberID, unit)
	stranger := g.Account(t, strangerID)
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + strangerID + `","111222333444"]},"Action":"ecr:*"}]}`
	g.repository(m.administrator, where, "app", open)
	g.repository(g.manager.Caller, where, "app", strings.ReplaceAll(open, `,"111222333444"`, ""))
	image := berthtest.NewImage([]byte("a layer"))
	g.Push(t, m.administrator.Login(t, where), memberID+"/"+where+"/app", "1", image)
	role, trust := "partner", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+strangerID+`"},"Action":"sts:AssumeRole"}]}`
	_, err := m.administrator.IAM().CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: &trust})
	g.must(err)

	pull := func(c *berthtest.Caller) (int, string) {
		t.Helper()
		resp, body := g.Do(t, c.Login(t, where), http.MethodGet, memberID+"/"+where+"/app/manifests/1", nil)
		return resp.StatusCode, string(body)
	}
	assume := func() error {
		_, err := stranger.STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + memberID + ":role/" + role), RoleSessionName: aws.String("ci")})
		return err
	}
	if status, body := pull(stranger.Caller); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	g.must(assume())

	closed := g.policy(rcp, "ours", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["ecr:*","sts:AssumeRole"],"Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"`+g.id+`"}}}]}`)
	g.must(g.attach(closed, unit))
	status, body := pull(stranger.Caller)
	if status != http.StatusForbidden || !strings.Contains(body, "with an explicit deny in a resource control policy") || strings.Contains(body, closed) {
		t.Errorf("%d %s", status, body)
	}
	if err := assume(); err == nil || !strings.Contains(err.Error(), "is not authorized to perform: sts:AssumeRole") {
		t.Errorf("the stranger assumes the role: %v", err)
	}
	for _, c := range []*berthtest.Caller{m.administrator, m.root, g.manager.Caller} {
		if status, body := pull(c); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	}
	// The management account's own resources are not bound.
	g.must(g.attach(closed, g.root))
	_, err = stranger.ECR(where).DescribeImages(ctx, &ecr.DescribeImagesInput{RegistryId: aws.String(management), RepositoryName: aws.String("app")})
	g.must(err)
	_, err = stranger.ECR(where).DescribeImages(ctx, &ecr.DescribeImagesInput{RegistryId: aws.String(memberID), RepositoryName: aws.String("app")})
	g.denied(err, "with an explicit deny in a resource control policy")
}

// ORG-21: what is made while a type is enabled has AWS's policy; what leaves takes nothing with it.
func TestNewTargetsHaveFullAccess_ORG21(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	before := g.addUnit(g.root, "Before")
	g.enable(scp)
	g.enable(rcp)
	after := g.addUnit(before, "After")
	m := g.join(memberID, after)
	for _, target := range []string{g.root, before, after, memberID, management} {
		g.equal("on "+target, g.on(target, scp)+" "+g.on(target, rcp), "p-FullAWSAccess p-RCPFullAWSAccess")
	}
	keep := g.policy(scp, "keep", noDelete)
	g.must(g.attach(keep, after))
	g.must(g.attach(keep, memberID))
	g.must(g.put(memberID, after, g.root))
	_, err := g.c.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &after})
	g.must(err)
	_, err = g.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(memberID)})
	g.must(err)
	targets, err := g.c.ListTargetsForPolicy(ctx, &organizations.ListTargetsForPolicyInput{PolicyId: &keep})
	g.must(err)
	g.equal("targets", len(targets.Targets), 0)
	g.repository(m.administrator, where, "free", "")
	g.must(deleteRepository(g, m.administrator, memberID, "free"))
}
