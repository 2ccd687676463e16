package server_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/berth-registry/berth/berthtest"
)

var (
	anyMessage = regexp.MustCompile(`(?:"[Mm]essage":"|<Message>)((?:[^"<\\]|\\.)*)`)
	withID     = regexp.MustCompile(`\(request id: [0-9a-f]{8}-[0-9a-f-]{27}\)$`)
)

// told checks that a refusal ends with the id of its request, and reports whether the answer is a refusal.
func told(t *testing.T, at, answer string) bool {
	t.Helper()
	if !strings.Contains(answer, "AccessDenied") && !strings.Contains(answer, `"DENIED"`) {
		return false
	}
	message := anyMessage.FindStringSubmatch(answer)
	if message == nil || !withID.MatchString(message[1]) {
		t.Errorf("%s: the refusal does not end with the id of its request: %s", at, answer)
	}
	return true
}

// IAMP-8: whoever refuses whom, and whatever for, the text ends with the id by which it is explained: docker and the AWS CLI show nothing else. First come the
// reasons that need a story; then every operation is asked for by callers of every kind.
func TestRefusalsEndWithTheirID_IAMP8(t *testing.T) {
	const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	g := guard(t)
	ctx := t.Context()
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	as := func(c *ststypes.Credentials) *berthtest.Caller {
		return g.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	}
	member, closing := g.Account(t, customer), g.Account(t, "123123123123")
	_, err := g.vendor.Organizations().CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	check(nil, err)
	for _, a := range []*berthtest.Account{member, closing} {
		invited, err := g.vendor.Organizations().InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &orgtypes.HandshakeParty{Id: aws.String(a.ID), Type: orgtypes.HandshakePartyTypeAccount}})
		check(invited, err)
		_, err = a.Organizations().AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: invited.Handshake.Id})
		check(nil, err)
	}
	user := g.vendor.User(t, "all", everything)
	session, err := user.STS().GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	check(session, err)
	federated, err := user.STS().GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("fay"), Policy: aws.String(everything)})
	check(federated, err)
	role := func(a *berthtest.Account, name string) string {
		out, err := a.IAM().CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + vendor + `"},"Action":["sts:AssumeRole","sts:SetSourceIdentity"]}]}`)})
		check(out, err)
		_, err = a.IAM().PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(everything)})
		check(nil, err)
		return *out.Role.Arn
	}
	first, second := role(g.vendor, "first"), role(g.vendor, "second")
	assumed, err := user.STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &first, RoleSessionName: aws.String("job"), SourceIdentity: aws.String("ann")})
	check(assumed, err)
	made := operate(t, g.Server, "CreateService", `{"name":"codebuild.amazonaws.com"}`).AccessKey
	ask := func(at string, c *berthtest.Caller, service, prefix, operation, body, reason string) {
		t.Helper()
		where := region
		if prefix == "" {
			where = "us-east-1"
		}
		if _, answer := g.Call(t, c, service, where, prefix, operation, body); !told(t, at, string(answer)) || !strings.Contains(string(answer), reason) {
			t.Errorf("%s: %s", at, answer)
		}
	}
	form := func(more string) string { return "Version=2011-06-15&" + more }
	ask("a session wants a session", as(session.Credentials), "sts", "", "", form("Action=GetSessionToken"), "Cannot call GetSessionToken with session credentials")
	ask("a session wants a federated user", as(session.Credentials), "sts", "", "", form("Action=GetFederationToken&Name=fay"), "Cannot call GetFederationToken with session credentials")
	ask("a root user", g.Root(t), "sts", "", "", form("Action=AssumeRole&RoleSessionName=job&RoleArn="+first), "Roles may not be assumed by root accounts.")
	ask("another source identity", as(assumed.Credentials), "sts", "", "", form("Action=AssumeRole&RoleSessionName=job&SourceIdentity=bob&RoleArn="+second), "source identity")
	ask("a member", member.Caller, "organizations", "AWSOrganizationsV20161128", "ListAccounts", "{}", "You don't have permissions to access this resource.")
	ask("another account's resource", member.Caller, "berth", "Berth_20261122", "WhoCan", `{"action":"ecr:PutImage","resource":"arn:aws:ecr:us-east-2:`+vendor+`:repository/app"}`, "Only the account that owns")

	password := user.Login(t, "us-west-2")
	if resp, body := g.Do(t, password, "GET", there+"/tags/list", nil); resp.StatusCode != http.StatusForbidden || !told(t, "another region", string(body)) || !strings.Contains(string(body), "region us-west-2 in region us-east-2") {
		t.Errorf("a password of another region: %s %s", resp.Status, body)
	}
	resp, err := http.Get(g.URL + "/layers/nonsense")
	check(resp, err)
	defer resp.Body.Close()
	text := make([]byte, 1000)
	n, _ := resp.Body.Read(text)
	if resp.StatusCode != http.StatusForbidden || !told(t, "a layer's URL", string(text[:n])) {
		t.Errorf("a layer's URL that is none: %s %s", resp.Status, text[:n])
	}
	_, err = g.vendor.Organizations().CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &closing.ID})
	check(nil, err)
	ask("a closed account", user, "ecr", "AmazonEC2ContainerRegistry_V20150921", "DescribeRepositories", `{"registryId":"`+closing.ID+`"}`, "because the account that owns it is closed")

	for _, by := range []struct { // who has no key comes first: after some wrong passwords everybody is told to wait, which is no refusal
		name string
		*berthtest.Caller
	}{
		{"no key", nil}, {"a user without policy", g.nobody}, {"a session", as(session.Credentials)}, {"a federated user", as(federated.Credentials)},
		{"another account", g.stranger.Caller}, {"a member", member.Caller}, {"a service", g.As(made.AccessKeyID, made.SecretAccessKey, "")},
	} {
		name, c := by.name, by.Caller
		refused := 0
		for _, service := range g.Services() {
			for _, op := range service.Operations() {
				if !op.Served || name == "no key" && !op.Unsigned {
					continue
				}
				if status, text := g.ask(t, c, service.Model(), op.Name, "app"); status >= 400 && told(t, name+": "+op.Name, text) {
					refused++
				}
			}
		}
		if t.Logf("%s: %d refusals", name, refused); refused == 0 {
			t.Errorf("%s is refused nothing", name)
		}
	}
}
