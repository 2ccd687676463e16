package sts_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/berth-registry/berth/identity/iam"
)

func str(s string) *string { return &s }

func second[T any](_ T, err error) error { return err }

// asRoot is the context of the account's root user.
func (s *site) asRoot() context.Context {
	s.Helper()
	first, err := s.directory.FirstAccount(s.Context())
	s.ok(err)
	who, err := s.root.GetCallerIdentity(s.Context(), &sts.GetCallerIdentityInput{})
	s.ok(err)
	if *who.Account != first.ID {
		s.Fatal("another account")
	}
	credential, err := s.root.Options().Credentials.Retrieve(s.Context())
	s.ok(err)
	c, err := s.directory.Credential(s.Context(), credential.AccessKeyID, "", time.Now())
	s.ok(err)
	return iam.With(s.Context(), &iam.Call{Principal: c.Principal, AccessKeyID: c.AccessKeyID, Time: time.Now(), SourceIP: netip.MustParseAddr("192.0.2.1")})
}

// user makes a user with an identity policy and returns its client.
func (s *site) user(name, document string) *sts.Client {
	s.Helper()
	ctx := s.asRoot()
	_, err := s.directory.CreateUser(ctx, iam.NewUser{Name: name})
	s.ok(err)
	if document != "" {
		s.ok(s.directory.PutInlinePolicy(ctx, iam.Ref{Kind: iam.KindUser, Name: name}, "p", document))
	}
	k, err := s.directory.CreateAccessKey(ctx, name)
	s.ok(err)
	return s.client(k.ID, k.Secret, "")
}

func (s *site) role(name, trust string) {
	s.Helper()
	_, err := s.directory.CreateRole(s.asRoot(), iam.NewRole{Name: name, Path: "/ci/", Trust: trust, MaxSession: 2 * time.Hour})
	s.ok(err)
}

func (s *site) using(c *types.Credentials) *sts.Client {
	return s.client(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

const mayAssume = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`

// STS-5: who am I, for a root user, a user and a session; no policy can forbid it.
func TestCallerIdentity_STS5(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		who, err := s.root.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		s.ok(err)
		equal(t, "root", *who.Arn+" "+*who.UserId+" "+*who.Account, "arn:aws:iam::111222333444:root 111222333444 111222333444")
		ann := s.user("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
		who, err = ann.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		s.ok(err)
		equal(t, "user", *who.Arn+" "+(*who.UserId)[:4], "arn:aws:iam::111222333444:user/ann AIDA")
	})
}

// STS-6, STS-7: a role is assumed, and the session is the role without its path.
func TestAssumeRole_STS6(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		ann := s.user("ann", mayAssume)
		s.role("build", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111222333444:user/ann"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}}]}`)
		in := &sts.AssumeRoleInput{RoleArn: str("arn:aws:iam::111222333444:role/ci/build"), RoleSessionName: str("job-7"), ExternalId: str("secret"), Tags: []types.Tag{{Key: str("job"), Value: str("7")}}}
		out, err := ann.AssumeRole(ctx, in)
		s.ok(err)
		equal(t, "ARN", *out.AssumedRoleUser.Arn, "arn:aws:sts::111222333444:assumed-role/build/job-7")
		if id := *out.AssumedRoleUser.AssumedRoleId; !strings.HasPrefix(id, "AROA") || !strings.HasSuffix(id, ":job-7") {
			t.Error(id)
		}
		if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.SecretAccessKey) != 40 || time.Until(*out.Credentials.Expiration) > time.Hour {
			t.Errorf("%v", out.Credentials)
		}
		job := s.using(out.Credentials)
		who, err := job.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		s.ok(err)
		equal(t, "session", *who.Arn, *out.AssumedRoleUser.Arn)
		equal(t, "user id", *who.UserId, *out.AssumedRoleUser.AssumedRoleId)

		// API-14, H69: without its token, with another's, with one letter changed.
		id, secret, token := *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken
		other, err := ann.AssumeRole(ctx, in)
		s.ok(err)
		for _, wrong := range []string{"", token[:len(token)-1], "x" + token[1:], *other.Credentials.SessionToken} {
			_, err = s.client(id, secret, wrong).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			s.refused(err, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
		}

		s.refused(second(s.root.AssumeRole(ctx, in)), 403, "AccessDenied", "Roles may not be assumed by root accounts.")
		in.ExternalId = str("guess")
		const denied = "User: arn:aws:iam::111222333444:user/ann is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111222333444:role/ci/build"
		in.Tags = nil
		s.refused(second(ann.AssumeRole(ctx, in)), 403, "AccessDenied", denied)
		in.RoleArn = str("arn:aws:iam::111222333444:role/ci/none")
		s.refused(second(ann.AssumeRole(ctx, in)), 403, "AccessDenied", strings.Replace(denied, "build", "none", 1))
		in.RoleArn = str("arn:aws:iam::111222333444:user/ann-is-no-role")
		s.refused(second(ann.AssumeRole(ctx, in)), 400, "ValidationError", "arn:aws:iam::111222333444:user/ann-is-no-role is invalid")
		in.RoleArn, in.DurationSeconds = str("arn:aws:iam::111222333444:role/ci/build"), aws.Int32(1_000_000_000)
		s.refused(second(ann.AssumeRole(ctx, in)), 400, "ValidationError", "1 validation error detected: Value '1000000000' at 'durationSeconds' failed to satisfy constraint: …")
		in.DurationSeconds, in.ExternalId = aws.Int32(7201), str("secret")
		s.refused(second(ann.AssumeRole(ctx, in)), 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		in.DurationSeconds, in.Policy = nil, str("{")
		s.refused(second(ann.AssumeRole(ctx, in)), 400, "MalformedPolicyDocument",
			"This policy contains invalid Json (line 1, column 2: Fix the JSON syntax error at index 1 line 1 column 2: the document ends where a name in double quotes or '}' is expected.)")
		in.Policy = str("{“")
		s.refused(second(ann.AssumeRole(ctx, in)), 400, "ValidationError", "1 validation error detected: Value '{“' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: "+
			`[\u0009\u000A\u000D\u0020-\u00FF]+ (line 1, column 2: Fix the JSON syntax error at index 1 line 1 column 2: found '“' where a name in double quotes or '}' is expected; typographic quote “: write a plain " instead)`)
		in.Policy, in.TransitiveTagKeys = nil, []string{"never"}
		s.refused(second(ann.AssumeRole(ctx, in)), 400, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
	})
}

// STS-9, STS-11: temporary credentials of a user, and whose a key is.
func TestSessionToken_STS9_STS11(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		ann := s.user("ann", "")
		out, err := ann.GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
		s.ok(err)
		session := s.using(out.Credentials)
		who, err := session.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		s.ok(err)
		equal(t, "session of ann", *who.Arn, "arn:aws:iam::111222333444:user/ann")
		s.refused(second(session.GetSessionToken(ctx, &sts.GetSessionTokenInput{})), 403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
		s.refused(second(ann.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: out.Credentials.AccessKeyId})), 403, "AccessDenied",
			"User: arn:aws:iam::111222333444:user/ann is not authorized to perform: sts:GetAccessKeyInfo on resource: * because no identity-based policy allows the sts:GetAccessKeyInfo action")
		info, err := s.root.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: out.Credentials.AccessKeyId})
		s.ok(err)
		equal(t, "account of the key", *info.Account, "111222333444")
		s.refused(second(s.root.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: str("AKIAIOSFODNN7EXAMPLE")})), 400, "ValidationError", "The access key ID AKIAIOSFODNN7EXAMPLE is not valid")
	})
}
