package server_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/go-jose/go-jose/v4"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/identity/oidc/oidctest"
	"github.com/berth-registry/berth/server"
)

// ci is a berth whose vendor lets an identity provider in.
type ci struct {
	*testing.T
	*berthtest.Server
	issuer   *oidctest.Issuer
	vendor   *berthtest.Account
	provider string // ARN
	name     string // what condition keys begin with
}

func startCI(t *testing.T, path string, changes ...func(*server.Config)) *ci {
	s := &ci{T: t, issuer: oidctest.Start(t, path)}
	s.Server = berthtest.Start(t, append([]func(*server.Config){func(c *server.Config) {
		c.OIDCCA, c.OIDCAllow = s.issuer.CAFile, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}}, changes...)...)
	s.vendor = s.Account(t, vendor)
	out, err := s.vendor.IAM().CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &s.issuer.URL, ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{strings.Repeat("a", 40)},
	})
	s.ok(err)
	s.provider, s.name = *out.OpenIDConnectProviderArn, strings.TrimPrefix(s.issuer.URL, "https://")
	return s
}

func (s *ci) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// role makes a role that pushes, and trusts the provider under a condition.
func (s *ci) role(name, condition string, more ...string) string {
	s.Helper()
	actions := `"sts:AssumeRoleWithWebIdentity"`
	for _, action := range more {
		actions += `,"` + action + `"`
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + s.provider + `"},"Action":[` + actions + `],"Condition":` +
		strings.ReplaceAll(condition, "ISSUER", s.name) + `}]}`
	out, err := s.vendor.IAM().CreateRole(s.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	s.ok(err)
	_, err = s.vendor.IAM().PutRolePolicy(s.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("push"), PolicyDocument: aws.String(anyPolicy)})
	s.ok(err)
	return *out.Role.Arn
}

// unsigned is the SDK's client of a job that has no credentials at all.
func (s *ci) unsigned() *sts.Client {
	return sts.New(sts.Options{Region: region, BaseEndpoint: &s.URL, Credentials: aws.AnonymousCredentials{}, RetryMaxAttempts: 1, HTTPClient: berthtest.HTTPClient()})
}

func (s *ci) token(claims map[string]any) string {
	s.Helper()
	return s.issuer.Token(s.T, time.Now(), claims)
}

func (s *ci) assume(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return s.unsigned().AssumeRoleWithWebIdentity(s.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("job-7"), WebIdentityToken: &token})
}

func (s *ci) as(c *ststypes.Credentials) *berthtest.Caller {
	return s.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// refused asserts how a call was answered; text is in the message.
func (s *ci) refused(err error, status int, code, text string) {
	s.Helper()
	var e smithy.APIError
	var r *smithyhttp.ResponseError
	if !errors.As(err, &e) || !errors.As(err, &r) || r.HTTPStatusCode() != status || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		s.Errorf("got %v, want %d %s %q", err, status, code, text)
	}
}

const denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity"

// STS-10: a job of GitHub Actions pushes an image with nothing but its token.
func TestPushWithAnIdentityToken_STS10(t *testing.T) {
	s := startCI(t, "")
	claims := oidctest.GitHub("octo-org/octo-repo", "refs/heads/main")
	role := s.role("build", `{"StringEquals":{"ISSUER:aud":"sts.amazonaws.com","ISSUER:repository_owner":"octo-org"},"StringLike":{"ISSUER:SUB":"repo:octo-org/octo-repo:*"}}`)
	got, err := s.assume(role, s.token(claims))
	s.ok(err)
	if *got.SubjectFromWebIdentityToken != claims["sub"] || *got.Audience != "sts.amazonaws.com" || *got.Provider != s.provider ||
		*got.AssumedRoleUser.Arn != "arn:aws:sts::"+vendor+":assumed-role/build/job-7" || !strings.HasPrefix(*got.AssumedRoleUser.AssumedRoleId, "AROA") {
		t.Errorf("%+v", got)
	}
	job := s.as(got.Credentials)
	who, err := job.STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	s.ok(err)
	if *who.Arn != *got.AssumedRoleUser.Arn {
		t.Error(*who.Arn)
	}
	_, err = job.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	s.ok(err)
	login, image := job.Login(t, region), berthtest.NewImage([]byte("a layer"))
	s.Push(t, login, there, "1", image)
	s.Pull(t, login, there, "1", image)

	again, err := s.assume(role, s.token(claims)) // the same job may ask again
	s.ok(err)
	if *again.Credentials.AccessKeyId == *got.Credentials.AccessKeyId {
		t.Error("two sessions are one")
	}
	_, err = s.assume(role, s.token(oidctest.GitHub("octo-org/other-repo", "refs/heads/main")))
	s.refused(err, http.StatusForbidden, "AccessDenied", denied)
	_, err = s.assume(role, s.token(oidctest.GitHub("mallory/octo-repo", "refs/heads/main")))
	s.refused(err, http.StatusForbidden, "AccessDenied", denied)
	_, err = s.assume(strings.Replace(role, "build", "absent", 1), s.token(claims)) // a role that is not there is refused like one that may not be assumed
	s.refused(err, http.StatusForbidden, "AccessDenied", denied)
}

// The way of the SDKs in a Kubernetes pod: a role and a file with the token in the environment.
func TestServiceAccountTokenFile_STS10(t *testing.T) {
	s := startCI(t, "/id/CLUSTER1")
	role := s.role("pod", `{"StringEquals":{"ISSUER:sub":"system:serviceaccount:build:default","ISSUER:aud":"sts.amazonaws.com"}}`)
	file := filepath.Join(t.TempDir(), "token")
	s.ok(os.WriteFile(file, []byte(s.token(oidctest.Kubernetes("build", "default"))), 0o600))
	c, err := stscreds.NewWebIdentityRoleProvider(s.unsigned(), role, stscreds.IdentityTokenFile(file)).Retrieve(t.Context())
	s.ok(err)
	who, err := s.As(c.AccessKeyID, c.SecretAccessKey, c.SessionToken).STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	s.ok(err)
	if !strings.HasPrefix(*who.Arn, "arn:aws:sts::"+vendor+":assumed-role/pod/") {
		t.Error(*who.Arn)
	}
	s.ok(os.WriteFile(file, []byte(s.token(oidctest.Kubernetes("other", "default"))), 0o600))
	_, err = stscreds.NewWebIdentityRoleProvider(s.unsigned(), role, stscreds.IdentityTokenFile(file)).Retrieve(t.Context())
	s.refused(err, http.StatusForbidden, "AccessDenied", denied)
}

// H57, H70, STS-10: what does not let anybody in, and what the job is told.
func TestRefusedIdentityTokens_STS10_H70(t *testing.T) {
	s := startCI(t, "")
	role := s.role("build", `{"StringEquals":{"ISSUER:sub":"somebody"}}`)
	good := s.token(nil)
	_, err := s.assume(role, good)
	s.ok(err)
	other, now := oidctest.Start(t, ""), time.Now()
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	thief := oidctest.Key{ID: s.issuer.Keys()[0].ID, Algorithm: jose.RS256, Signer: oidctest.NewKey(t, jose.RS256)}
	stranger := s.Account(t, "555666777888")
	_, err = stranger.IAM().CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &other.URL, ClientIDList: []string{"sts.amazonaws.com"}})
	s.ok(err)
	for name, c := range map[string]struct {
		token  string
		status int
		code   string
		text   string
	}{
		"rubbish":               {"rubbish", 400, "InvalidIdentityToken", "not a valid JWT"},
		"other audience":        {s.token(map[string]any{"aud": "api://x"}), 400, "InvalidIdentityToken", "Incorrect token audience"},
		"provider of others":    {other.Token(t, now, nil), 400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + other.URL},
		"no issuer's URL":       {s.token(map[string]any{"iss": "accounts.google.com"}), 400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for accounts.google.com"},
		"almost the issuer":     {s.token(map[string]any{"iss": s.issuer.URL + "/"}), 400, "InvalidIdentityToken", "No OpenIDConnect provider found"},
		"signed by others":      {other.Token(t, now, map[string]any{"iss": s.issuer.URL}), 400, "InvalidIdentityToken", "signature"},
		"none":                  {encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", 400, "InvalidIdentityToken", "'none'"},
		"embedded key":          {s.issuer.Sign(t, thief, now, nil, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: thief.Signer.Public()}}), 400, "InvalidIdentityToken", "signature"},
		"no subject":            {s.token(map[string]any{"sub": nil}), 400, "InvalidIdentityToken", "Missing a required claim: sub"},
		"another subject":       {s.token(map[string]any{"sub": "somebody else"}), 403, "AccessDenied", denied},
		"a subject in disguise": {s.token(map[string]any{"sub": "mallory", "Sub": "somebody", "SUB": "somebody"}), 403, "AccessDenied", denied},
		"expired":               {s.issuer.Token(t, now.Add(-time.Hour), nil), 400, "ExpiredTokenException", "Token expired: current date/time"},
		"not yet":               {s.issuer.Token(t, now.Add(time.Hour), nil), 403, "IDPRejectedClaim", "not good yet"},
		"tags without leave":    {s.token(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"a"}}}}), 403, "AccessDenied", denied},
		"identity without it":   {s.token(map[string]any{"https://aws.amazon.com/source_identity": "ann"}), 403, "AccessDenied", denied},
		"two values of a tag":   {s.token(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"a", "b"}}}}), 400, "InvalidIdentityToken", "a tag has one"},
		"tags of AWS":           {s.token(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"aws:x": "a"}}}), 400, "InvalidIdentityToken", "reserved"},
		"tags of no form":       {s.token(map[string]any{"https://aws.amazon.com/tags": "team=a"}), 400, "InvalidIdentityToken", "has a form that it cannot have"},
		"identity of no form":   {s.token(map[string]any{"https://aws.amazon.com/source_identity": "a b"}), 400, "InvalidIdentityToken", "source identity"},
		"too long":              {parts[0] + "." + strings.Repeat("A", 20_000) + "." + parts[2], 400, "ValidationError", "20000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.assume(role, c.token)
			s.refused(err, c.status, c.code, c.text)
		})
	}
	if other.Requests() != 0 {
		t.Error("a provider of another account was asked")
	}
	// What is in the trust policy of the stranger's account does not open the vendor's role, and the other way round.
	_, err = s.assume(strings.Replace(role, vendor, "555666777888", 1), good)
	s.refused(err, 400, "InvalidIdentityToken", "No OpenIDConnect provider found")
	_, err = s.assume(strings.Replace(role, vendor, "999999999999", 1), good) // no more is said of an account that is not there
	s.refused(err, 400, "InvalidIdentityToken", "No OpenIDConnect provider found")
	_, err = s.assume("arn:aws:iam::"+vendor+":user/build", good)
	s.refused(err, 400, "ValidationError", "is invalid")

	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("job"), WebIdentityToken: &good, DurationSeconds: aws.Int32(43200)}
	_, err = s.unsigned().AssumeRoleWithWebIdentity(t.Context(), in)
	s.refused(err, 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	in.DurationSeconds, in.Policy = nil, aws.String("{")
	_, err = s.unsigned().AssumeRoleWithWebIdentity(t.Context(), in)
	s.refused(err, 400, "MalformedPolicyDocument", "This policy contains invalid Json")
	in.Policy, in.ProviderId = nil, aws.String("www.amazon.com")
	_, err = s.unsigned().AssumeRoleWithWebIdentity(t.Context(), in)
	s.refused(err, 400, "ValidationError", "ProviderId")

	// Whoever may no longer come in: by the client id, by the provider.
	c := s.vendor.IAM()
	_, err = c.RemoveClientIDFromOpenIDConnectProvider(t.Context(), &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: &s.provider, ClientID: aws.String("sts.amazonaws.com")})
	s.ok(err)
	_, err = s.assume(role, good)
	s.refused(err, 400, "InvalidIdentityToken", "Incorrect token audience")
	_, err = c.AddClientIDToOpenIDConnectProvider(t.Context(), &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &s.provider, ClientID: aws.String("sts.amazonaws.com")})
	s.ok(err)
	got, err := s.assume(role, good)
	s.ok(err)
	_, err = c.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &s.provider})
	s.ok(err)
	_, err = s.assume(role, good)
	s.refused(err, 400, "InvalidIdentityToken", "No OpenIDConnect provider found")
	_, err = s.as(got.Credentials).ECR(region).DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}) // the session goes on to its end (STS-12)
	s.ok(err)
}

// Session tags and a source identity come in the token; what the session is known by later comes from the token, too. Its policies narrow it.
func TestTagsOfIdentityTokens_STS10(t *testing.T) {
	s := startCI(t, "")
	role := s.role("tagged", `{"StringEquals":{"ISSUER:aud":"sts.amazonaws.com","aws:RequestTag/team":"core","sts:SourceIdentity":"ann","aws:FederatedProvider":"`+s.provider+`"},"ForAnyValue:StringEquals":{"ISSUER:groups":"builders"}}`, "sts:TagSession", "sts:SetSourceIdentity")
	condition := `{"StringEquals":{"aws:PrincipalTag/team":"core","aws:PrincipalTag/cost":"7","aws:SourceIdentity":"ann","aws:FederatedProvider":"` + s.provider + `","` + s.name + `:sub":"somebody","` + s.name + `:aud":"sts.amazonaws.com"},"Null":{"aws:MultiFactorAuthPresent":"true"}}`
	_, err := s.vendor.IAM().PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("tagged"), PolicyName: aws.String("push"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":` + condition + `}}`)})
	s.ok(err)
	claims := map[string]any{
		"groups":                      []string{"readers", "builders"},
		"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"core"}}, "transitive_tag_keys": []string{"team"}},
		"https://aws.amazon.com/tags/principal_tags/cost": "7",
		"https://aws.amazon.com/source_identity":          "ann",
	}
	token := s.token(claims)
	got, err := s.unsigned().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("job"), WebIdentityToken: &token, DurationSeconds: aws.Int32(900),
		Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ecr:DescribeRepositories","ecr:GetAuthorizationToken"],"Resource":"*"}}`),
	})
	s.ok(err)
	if *got.SourceIdentity != "ann" || time.Until(*got.Credentials.Expiration) > 15*time.Minute {
		t.Errorf("%+v", got)
	}
	job := s.as(got.Credentials).ECR(region)
	_, err = job.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
	s.ok(err)
	_, err = job.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	s.refused(err, 400, "AccessDeniedException", "session policy")
	claims["groups"] = []string{"readers"}
	_, err = s.assume(role, s.token(claims))
	s.refused(err, 403, "AccessDenied", denied)
}

// A site without a way out has the keys in a file; a provider on a private network is not asked unless the operator allows it.
func TestProvidersOfPrivateNetworks_H70(t *testing.T) {
	s := startCI(t, "", func(c *server.Config) { c.OIDCAllow = nil })
	role := s.role("build", `{"StringEquals":{"ISSUER:sub":"somebody"}}`)
	_, err := s.assume(role, s.token(nil))
	s.refused(err, 400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
	if s.issuer.Requests() != 0 {
		t.Error("the provider was asked")
	}

	issuer := oidctest.Start(t, "/realms/ci")
	file := filepath.Join(t.TempDir(), "keys.json")
	s.ok(os.WriteFile(file, issuer.KeySet(), 0o600))
	s = startCI(t, "", func(c *server.Config) { c.OIDCAllow, c.OIDCKeys = nil, map[string]string{issuer.URL: file} })
	s.issuer = issuer
	out, err := s.vendor.IAM().CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &issuer.URL, ClientIDList: []string{"sts.amazonaws.com"}})
	s.ok(err)
	s.provider, s.name = *out.OpenIDConnectProviderArn, strings.TrimPrefix(issuer.URL, "https://")
	role = s.role("airgapped", `{"StringEquals":{"ISSUER:sub":"somebody"}}`)
	_, err = s.assume(role, s.token(nil))
	s.ok(err)
	issuer.Rotate(t, jose.ES256)
	_, err = s.assume(role, s.token(nil))
	s.refused(err, 400, "InvalidIdentityToken", "Couldn't retrieve verification key")
	s.ok(os.WriteFile(file, issuer.KeySet(), 0o600))
	_, err = s.assume(role, s.token(nil))
	s.ok(err)
	if issuer.Requests() != 0 {
		t.Error("the provider was asked")
	}
}

// Strangers whose tokens are of a provider that says nothing wait for it without a turn to work: nobody else waits with them.
func TestWaitingForAProvider_H70(t *testing.T) {
	s := startCI(t, "", func(c *server.Config) { c.Working = 1 })
	role := s.role("build", `{"StringEquals":{"ISSUER:sub":"somebody"}}`)
	asked, answer := make(chan struct{}), make(chan struct{})
	said, end := sync.OnceFunc(func() { close(asked) }), sync.OnceFunc(func() { close(answer) })
	defer end()
	s.issuer.Override(func(w http.ResponseWriter, r *http.Request) {
		said()
		<-answer
		s.issuer.Serve(w, r)
	})
	let := make(chan error, 1)
	go func() {
		_, err := s.assume(role, s.token(nil))
		let <- err
	}()
	<-asked
	_, err := s.vendor.STS().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	s.ok(err)
	select {
	case err := <-let:
		t.Errorf("a call of somebody else waited until the provider was given up: %v", err)
	default:
	}
	end()
	s.ok(<-let)
}

// STS-10: a call without a signature is served only where the model asks for none. A signature that is there is judged like every other.
func TestUnsignedCalls_STS10(t *testing.T) {
	s := startCI(t, "")
	role := s.role("build", `{"StringEquals":{"ISSUER:sub":"somebody"}}`)
	form := func(action string) string {
		return url.Values{"Action": {action}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"job"}, "WebIdentityToken": {s.token(nil)}}.Encode()
	}
	for action, want := range map[string]string{
		"AssumeRoleWithWebIdentity": "AssumeRoleWithWebIdentityResult", "AssumeRole": "MissingAuthenticationToken", "GetCallerIdentity": "MissingAuthenticationToken",
		"AssumeRoleWithSAML": "MissingAuthenticationToken", "NoSuchThing": "MissingAuthenticationToken",
	} {
		if resp, body := s.Call(t, nil, "sts", region, "", action, form(action)); !strings.Contains(string(body), want) || (resp.StatusCode == 200) != (action == "AssumeRoleWithWebIdentity") {
			t.Errorf("%s: %s %s", action, resp.Status, body)
		}
	}
	if resp, body := s.Call(t, s.vendor.Caller, "sts", region, "", "", form("AssumeRoleWithWebIdentity")); resp.StatusCode != 200 || !strings.Contains(string(body), "<Provider>"+s.provider) {
		t.Errorf("signed: %s %s", resp.Status, body)
	}
	if resp, body := s.Call(t, s.As(s.vendor.Key, "wrong", ""), "sts", region, "", "", form("AssumeRoleWithWebIdentity")); resp.StatusCode != 403 || !strings.Contains(string(body), "SignatureDoesNotMatch") {
		t.Errorf("wrongly signed: %s %s", resp.Status, body)
	}
	if resp, body := s.Call(t, nil, "sts", region, "", "", form("AssumeRoleWithWebIdentity")+"&x="+strings.Repeat("x", 130<<10)); resp.StatusCode != 400 || !strings.Contains(string(body), "larger than 131072 bytes") {
		t.Errorf("a stranger's long body: %s %s", resp.Status, body)
	}
}

// IAM-9: providers are made, shown, changed, tagged and deleted.
func TestIdentityProviders_IAM9(t *testing.T) {
	s := startCI(t, "")
	ctx, c := t.Context(), s.vendor.IAM()
	create := func(url string, clients, thumbprints []string) error {
		_, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &url, ClientIDList: clients, ThumbprintList: thumbprints})
		return err
	}
	out, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://Token.Example.com/id/AbC"), ClientIDList: []string{"b", "a", "b"}, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}},
	})
	s.ok(err)
	if *out.OpenIDConnectProviderArn != "arn:aws:iam::"+vendor+":oidc-provider/token.example.com/id/AbC" || len(out.Tags) != 1 {
		t.Errorf("%+v", out)
	}
	arn := out.OpenIDConnectProviderArn
	s.refused(create("https://token.example.com/id/AbC", nil, nil), 409, "EntityAlreadyExists", "Provider with url https://token.example.com/id/AbC already exists.")
	s.refused(create("token.example.com", nil, nil), 400, "ValidationError", "Invalid Open ID Connect Provider URL")
	s.refused(create("http://token.example.com", nil, nil), 400, "InvalidInput", "The URL must begin with https://.")
	s.refused(create("https://token.example.com?x=1", nil, nil), 400, "InvalidInput", "Invalid Open ID Connect Provider URL")
	s.refused(create("https://"+strings.Repeat("x", 255), nil, nil), 400, "ValidationError", "255")
	s.refused(create("https://x.example", nil, []string{"short"}), 400, "ValidationError", "40")
	s.refused(create("https://x.example", nil, []string{strings.Repeat("z", 40)}), 400, "ValidationError", "40")
	six := strings.Split(strings.Repeat(strings.Repeat("a", 40)+" ", 6), " ")[:6]
	s.refused(create("https://x.example", nil, six), 400, "InvalidInput", "Thumbprint list must contain fewer than 5 entries.")
	s.refused(create("https://x.example", make([]string, 101), nil), 400, "ValidationError", "")

	_, err = c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("0")})
	s.ok(err)
	_, err = c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("a")})
	s.ok(err)
	_, err = c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("none")})
	s.ok(err)
	_, err = c.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn, ThumbprintList: six[:2]})
	s.ok(err)
	_, err = c.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: []types.Tag{{Key: aws.String("cost"), Value: aws.String("7")}}})
	s.ok(err)
	_, err = c.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, TagKeys: []string{"TEAM"}})
	s.ok(err)
	tags, err := c.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: arn})
	s.ok(err)
	shown, err := c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	s.ok(err)
	if *shown.Url != "token.example.com/id/AbC" || strings.Join(shown.ClientIDList, " ") != "b a 0" || len(shown.ThumbprintList) != 2 || len(shown.Tags) != 1 || len(tags.Tags) != 1 || *tags.Tags[0].Key != "cost" || shown.CreateDate == nil {
		t.Errorf("%+v %+v", shown, tags.Tags)
	}
	list, err := c.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
	s.ok(err)
	if len(list.OpenIDConnectProviderList) != 2 {
		t.Errorf("%+v", list.OpenIDConnectProviderList)
	}
	summary, err := c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	s.ok(err)
	if summary.SummaryMap["Providers"] != 2 {
		t.Error(summary.SummaryMap)
	}

	// Who may only touch what is tagged so: the tags of a provider are condition keys.
	limited := s.vendor.User(t, "limited", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*OpenIDConnect*","Resource":"arn:aws:iam::*:oidc-provider/*","Condition":{"StringEquals":{"aws:ResourceTag/cost":"7"}}}}`).IAM()
	_, err = limited.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	s.ok(err)
	_, err = limited.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &s.provider})
	s.refused(err, 403, "AccessDenied", "is not authorized to perform: iam:GetOpenIDConnectProvider on resource: "+s.provider)

	for range 2 { // the second time it is not there, which is no error
		_, err = c.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
		s.ok(err)
	}
	_, err = c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	s.refused(err, 404, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+*arn)
	// One that is made again under the same URL inherits nothing (H102).
	s.ok(create("https://token.example.com/id/AbC", nil, nil))
	shown, err = c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	s.ok(err)
	if len(shown.Tags) != 0 || len(shown.ClientIDList) != 0 {
		t.Errorf("%+v", shown)
	}
	// Another account's provider cannot be named.
	_, err = s.Account(t, "555666777888").IAM().GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	s.refused(err, 404, "NoSuchEntity", "not found")
}
