package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/berthtest"
	directory "github.com/berth-registry/berth/identity/iam"
)

// ended is a credential that was good for everything once.
type ended struct {
	name   string
	caller *berthtest.Caller
	login  string // a registry password of that time
	// codes are what AWS clients are told, JSON or query; status what container clients are.
	codes  [2]string
	status int
}

// ended makes one credential of each kind that can end, and ends it.
func (g *guarded) ended(t *testing.T) []ended {
	t.Helper()
	const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	ctx, c := t.Context(), g.vendor.IAM()
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	session := func(who *berthtest.Caller) *berthtest.Caller {
		out, err := who.STS().GetSessionToken(ctx, &sts.GetSessionTokenInput{})
		check(out, err)
		return g.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	}
	var all []ended
	add := func(name string, who *berthtest.Caller) {
		all = append(all, ended{name, who, who.Login(t, region), [2]string{"UnrecognizedClientException", "InvalidClientTokenId"}, http.StatusUnauthorized})
	}

	user := g.vendor.User(t, "gone", everything)
	add("a deleted user's key", user)
	add("a deleted user's session", session(user))
	federated, err := user.STS().GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("fay"), Policy: aws.String(everything)})
	check(federated, err)
	add("a deleted user's federated user", g.As(*federated.Credentials.AccessKeyId, *federated.Credentials.SecretAccessKey, *federated.Credentials.SessionToken))
	off := g.vendor.User(t, "off", everything)
	add("a key that is switched off", off)
	add("the session of a key that is switched off", session(off))
	role, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("gone"), AssumeRolePolicyDocument: aws.String(strings.Replace(trustPolicy, vendor, "arn:aws:iam::"+vendor+":user/gone", 1))})
	check(role, err)
	check(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("gone"), PolicyName: aws.String("p"), PolicyDocument: aws.String(everything)}))
	assumed, err := user.STS().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("job")})
	check(assumed, err)
	add("a deleted role's session", g.As(*assumed.Credentials.AccessKeyId, *assumed.Credentials.SecretAccessKey, *assumed.Credentials.SessionToken))

	check(c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("gone"), AccessKeyId: &user.Key}))
	check(c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("gone"), PolicyName: aws.String("test")}))
	check(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("gone")}))
	check(c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("off"), AccessKeyId: &off.Key, Status: "Inactive"}))
	check(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("gone"), PolicyName: aws.String("p")}))
	check(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("gone")}))

	made := operate(t, g.Server, "CreateService", `{"name":"gone.amazonaws.com"}`).AccessKey
	serves := operate(t, g.Server, "GetServiceSession", `{"name":"gone.amazonaws.com","sourceAccount":"`+vendor+`"}`)
	service := g.As(serves.AccessKeyID, serves.SecretAccessKey, serves.SessionToken)
	add("a deleted service's session", service)
	all = append(all, ended{"a deleted service's key", g.As(made.AccessKeyID, made.SecretAccessKey, ""), service.Login(t, region), all[0].codes, all[0].status})
	operate(t, g.Server, "DeleteService", `{"name":"gone.amazonaws.com"}`)

	// An hour ago, for a quarter of an hour: what signs is made in the directory, since a client's own clock is not an hour slow.
	g.behind.Store(int64(time.Hour))
	past := time.Now().Add(-time.Hour)
	signed := func(key, token string) context.Context {
		credential, err := g.Identity().Credential(ctx, key, token, past)
		check(credential, err)
		call := &directory.Call{Time: past, Region: region}
		call.SignedBy(credential)
		return directory.With(ctx, call)
	}
	short, err := g.Identity().SessionToken(signed(g.vendor.Key, ""), directory.SessionToken{Lifetime: 15 * time.Minute})
	check(short, err)
	password, _, err := g.Identity().Password(signed(short.AccessKeyID, short.Token), region)
	check(password, err)
	g.behind.Store(0)
	return append(all, ended{
		"an expired session", g.As(short.AccessKeyID, short.Secret, short.Token), "Basic " + base64.StdEncoding.EncodeToString([]byte("AWS:"+password)), [2]string{"ExpiredTokenException", "ExpiredToken"}, http.StatusForbidden,
	})
}

// H69, H70, API-15: a credential that is over, or whose owner is, is nobody's, at every route of the registry interface, though it was good for everything.
func TestEndedCredentialsAtEveryRoute_H69_H70(t *testing.T) {
	g := guard(t)
	all := g.ended(t)
	before := g.state(t)
	for _, e := range all {
		for _, repository := range []string{there, absent} {
			for _, r := range g.knocks(t) {
				resp, body := g.Do(t, e.login, r.method, repository+r.path, strings.NewReader(r.body), "Content-Type", berthtest.ManifestType)
				at := fmt.Sprintf("%s: %s %s", e.name, r.method, repository+r.path)
				if resp.StatusCode != e.status {
					t.Errorf("%s: %s %s", at, resp.Status, body)
				}
				if e.status == http.StatusForbidden && r.method != "HEAD" && !strings.Contains(string(body), "Your authorization token has expired. Reauthenticate and try again.") { // HTTP-6
					t.Errorf("%s: %s", at, body)
				}
			}
		}
		for _, path := range []string{"", vendor + "/" + region + "/_catalog"} {
			if resp, body := g.Do(t, e.login, "GET", path, nil); resp.StatusCode != e.status {
				t.Errorf("%s: GET /v2/%s: %s %s", e.name, path, resp.Status, body)
			}
		}
	}
	if after := g.state(t); after != before {
		t.Errorf("credentials that are over changed something:\n%s\n%s", before, after)
	}
}

// The same at every operation of every API, those that need no permission included.
func TestEndedCredentialsAtEveryOperation_H69(t *testing.T) {
	g := guard(t)
	all := g.ended(t)
	before := g.state(t)
	for _, service := range g.Services() {
		for _, op := range service.Operations() {
			if !op.Served {
				continue
			}
			for _, e := range all {
				status, text := g.ask(t, e.caller, service.Model(), op.Name, "app")
				if status < 400 || !strings.Contains(text, e.codes[0]) && !strings.Contains(text, e.codes[1]) {
					t.Errorf("%s: %s:%s: %d %s", e.name, service.Model().SigningName, op.Name, status, text)
				}
			}
		}
	}
	if after := g.state(t); after != before {
		t.Errorf("credentials that are over changed something:\n%s\n%s", before, after)
	}
}
