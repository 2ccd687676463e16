package iam_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	api "github.com/berth-registry/berth/api/iam"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/fault"
	directory "github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/lang/sigv4"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const account = "111222333444"

// site is the IAM API over a real directory on a port of its own, with nothing in front of it but a signature check, so that what it says is what a client hears.
type site struct {
	testing.TB
	url       string
	directory *directory.Directory
	log       *audit.Log
	root      *iam.Client
}

// each runs f on every kind of database.
func each(t *testing.T, f func(t *testing.T, s *site)) {
	sqltest.Each(t, func(t *testing.T, dsn string) { f(t, open(t, dsn)) })
}

func open(t testing.TB, dsn string) *site {
	t.Helper()
	s := &site{TB: t}
	db, err := sql.Open(t.Context(), dsn)
	s.ok(err)
	t.Cleanup(func() { s.ok(db.Close()) })
	s.log, err = audit.Open(t.Context(), db)
	s.ok(err)
	t.Cleanup(s.log.Close)
	s.directory, err = directory.Open(t.Context(), db, s.log, directory.Options{})
	s.ok(err)
	t.Cleanup(s.directory.Close)
	service, err := api.Service(&api.API{Directory: s.directory, Pages: awswire.NewPages([]byte("a key of this test"))})
	s.ok(err)
	keys := sigv4.NewKeys(100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const requestID = "5f3ad5de-7a2b-4e6f-9f3c-0b1c2d3e4f5a"
		op, out, err := s.serve(service, keys, r)
		if err == nil {
			err = service.WriteResult(w, op, out, requestID)
		}
		if err != nil {
			if fault.As(err) == nil {
				t.Errorf("failed: %v", err)
			}
			service.WriteError(w, err, requestID)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	_, key, err := s.directory.CreateAccount(t.Context(), directory.NewAccount{ID: account})
	s.ok(err)
	s.root = s.client(key.ID, key.Secret)
	return s
}

func (s *site) serve(service *awswire.Service, keys *sigv4.Keys, r *http.Request) (*awswire.Operation, any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	call, err := awswire.Target(r, body)
	if err != nil {
		return nil, nil, err
	}
	signature, err := sigv4.Parse(r)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	c, err := s.directory.Credential(r.Context(), signature.AccessKeyID, signature.SecurityToken, now)
	if err != nil {
		return nil, nil, err
	}
	if err := signature.Verify(r, keys, c.Secret, sha256.Sum256(body)); err != nil {
		return nil, nil, err
	}
	op, err := service.Find(call)
	if err != nil {
		return nil, nil, err
	}
	in, err := op.Decode(r, body)
	if err != nil {
		return nil, nil, err
	}
	out, err := op.Call(directory.With(r.Context(), &directory.Call{
		Principal: c.Principal, Session: c.Session, AccessKeyID: c.AccessKeyID, Time: now, Region: "us-east-1", SourceIP: netip.MustParseAddr("192.0.2.1"),
	}), in)
	return op, out, err
}

// client is the unmodified AWS client.
func (s *site) client(id, secret string) *iam.Client {
	return iam.New(iam.Options{
		HTTPClient: berthtest.HTTPClient(),
		Region:     "us-east-1", BaseEndpoint: aws.String(s.url), Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		Retryer: retry.AddWithMaxAttempts(retry.NewStandard(), 1),
	})
}

// user makes a user with a key and an inline policy, and returns its client.
func (s *site) user(name, document string) *iam.Client {
	s.Helper()
	ctx := context.Background()
	_, err := s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
	s.ok(err)
	if document != "" {
		_, err = s.root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("inline"), PolicyDocument: &document})
		s.ok(err)
	}
	k, err := s.root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	s.ok(err)
	return s.client(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey)
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// idBehind is what ends the text of a refusal by policies: with it the refusal can be explained.
var idBehind = regexp.MustCompile(` \(request id: [^)]+\)$`)

// refused asserts status, code and message of an error as the client saw it. text must be the whole message, or its beginning when it ends in "…".
func (s *site) refused(err error, status int, code, text string) {
	s.Helper()
	var e smithy.APIError
	var r *smithyhttp.ResponseError
	if !errors.As(err, &e) || !errors.As(err, &r) {
		s.Errorf("got %v, want %d %s", err, status, code)
		return
	}
	got := idBehind.ReplaceAllString(e.ErrorMessage(), "")
	right := got == text
	if begin, open := strings.CutSuffix(text, "…"); open {
		right = strings.HasPrefix(got, begin)
	}
	if r.HTTPStatusCode() != status || e.ErrorCode() != code || !right {
		s.Errorf("got %d %s %q\nwant %d %s %q", r.HTTPStatusCode(), e.ErrorCode(), e.ErrorMessage(), status, code, text)
	}
}

// equal asserts that two values print alike.
func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// memberOfOne finds the organization of every account: the same, with one level of each kind that allows everything.
func memberOfOne(context.Context, string) (*directory.Membership, error) {
	return &directory.Membership{Organization: "o-berth", Management: "999888777666", Paths: []string{"o-berth/r-root/ou-prod/"}}, nil
}
