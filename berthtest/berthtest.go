// Package berthtest runs a whole berth inside a test: the same server that `berth serve` runs, on a port of its own, with SQLite and files in a temporary
// folder unless the test says otherwise.
package berthtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	directory "github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
)

// Server is a running berth.
type Server struct {
	// URL is where it answers: http://127.0.0.1:PORT.
	URL string
	// Host is the same without the scheme.
	Host string
	// Config is what it runs with.
	Config server.Config
	// MetricsURL is where it tells its metrics alone; "" unless its configuration asks for that.
	MetricsURL string

	endpoints map[string]string // URLs of the private endpoints
	*server.Server
}

// Start runs a berth until the test ends. The changes are applied to a configuration of three regions, a port of its own and a new data folder.
func Start(t testing.TB, changes ...func(*server.Config)) *Server {
	t.Helper()
	return StartWith(t, server.Options{}, changes...)
}

// StartWith is Start with a clock or a log of the test's.
func StartWith(t testing.TB, o server.Options, changes ...func(*server.Config)) *Server {
	t.Helper()
	c := server.Config{
		Folder: server.Folder{Data: filepath.Join(t.TempDir(), "data")}, Listen: []string{"127.0.0.1:0"},
		Names: server.Names{Regions: []string{"us-east-1", "us-east-2", "us-west-2"}},
	}
	for _, change := range changes {
		change(&c)
	}
	s, err := server.Open(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := s.Listen()
	if err != nil {
		s.Close()
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listeners) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		s.Close()
	})
	running := Of(s, c, listeners.URLs()[0])
	running.endpoints, running.MetricsURL = listeners.EndpointURLs(), listeners.MetricsURL()
	return running
}

// Through is the server as it is reached through one of its private endpoints.
func (s *Server) Through(endpoint string) *Server {
	return Of(s.Server, s.Config, s.endpoints[endpoint])
}

// Of is a server that the test itself runs with c, at url.
func Of(s *server.Server, c server.Config, url string) *Server {
	return &Server{URL: url, Host: url[strings.Index(url, "://")+len("://"):], Config: c, Server: s}
}

// Account is an account of the server with the clients of somebody in it.
type Account struct {
	*Caller
	ID string
}

// Caller makes AWS calls with one access key.
type Caller struct {
	Key, Secret, Token string
	server             *Server
}

// Account makes an account with an administrator. An empty id is random.
func (s *Server) Account(t testing.TB, id string) *Account {
	t.Helper()
	account, key, err := s.Identity().CreateAccount(t.Context(), directory.NewAccount{ID: id, Administrator: "administrator"})
	if err != nil {
		t.Fatal(err)
	}
	return &Account{&Caller{Key: key.ID, Secret: key.Secret, server: s}, account.ID}
}

// User makes a user of the account with an access key, and with the policy document given, if any.
func (a *Account) User(t testing.TB, name, document string) *Caller {
	t.Helper()
	ctx, c := t.Context(), a.IAM()
	if _, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if document != "" {
		if _, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("test"), PolicyDocument: &document}); err != nil {
			t.Fatal(err)
		}
	}
	key, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return &Caller{Key: *key.AccessKey.AccessKeyId, Secret: *key.AccessKey.SecretAccessKey, server: a.server}
}

// Root is the root user of the first account, with the key that the first start wrote.
func (s *Server) Root(t testing.TB) *Caller {
	t.Helper()
	p, err := config.LoadSharedConfigProfile(t.Context(), "default", func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{s.Config.CredentialsFile()}, []string{}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.As(p.Credentials.AccessKeyID, p.Credentials.SecretAccessKey, "")
}

// At is the same caller at another server, or at another way into it.
func (c *Caller) At(s *Server) *Caller { return s.As(c.Key, c.Secret, c.Token) }

// As is a caller with other credentials, such as those of a session.
func (s *Server) As(key, secret, token string) *Caller {
	return &Caller{Key: key, Secret: secret, Token: token, server: s}
}

func (c *Caller) credentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(c.Key, c.Secret, c.Token)
}

// ECR is an unmodified SDK client for a region.
func (c *Caller) ECR(region string) *ecr.Client {
	return ecr.New(ecr.Options{Region: region, BaseEndpoint: &c.server.URL, Credentials: c.credentials(), HTTPClient: HTTPClient()})
}

// IAM is an unmodified SDK client.
func (c *Caller) IAM() *iam.Client {
	return iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: &c.server.URL, Credentials: c.credentials(), HTTPClient: HTTPClient()})
}

// Organizations is an unmodified SDK client.
func (c *Caller) Organizations() *organizations.Client {
	return organizations.New(organizations.Options{Region: "us-east-1", BaseEndpoint: &c.server.URL, Credentials: c.credentials(), HTTPClient: HTTPClient()})
}

// STS is an unmodified SDK client.
func (c *Caller) STS() *sts.Client {
	return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &c.server.URL, Credentials: c.credentials(), HTTPClient: HTTPClient()})
}

// Login gets the Authorization header with which a container client calls the registries of a region.
func (c *Caller) Login(t testing.TB, region string) string {
	t.Helper()
	out, err := c.ECR(region).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	return "Basic " + *out.AuthorizationData[0].AuthorizationToken
}

// Do makes a request to the registry interface: path follows /v2/. It returns the answer with its body read.
func (s *Server) Do(t testing.TB, authorization, method, path string, body io.Reader, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/v2/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp, readAll(t, resp)
}

func readAll(t testing.TB, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Call makes a call of an AWS service as it goes over the wire, signed by c unless c is nil, and returns the answer with its body read. A JSON
// call has the target prefix, such as AmazonEC2ContainerRegistry_V20150921, and a JSON body; a query call has no prefix and a form.
func (s *Server) Call(t testing.TB, c *Caller, service, region, targetPrefix, operation, body string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if targetPrefix != "" {
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", targetPrefix+"."+operation)
	}
	if c != nil {
		sum := sha256.Sum256([]byte(body))
		key := aws.Credentials{AccessKeyID: c.Key, SecretAccessKey: c.Secret, SessionToken: c.Token}
		if err := v4.NewSigner().SignHTTP(t.Context(), key, req, hex.EncodeToString(sum[:]), service, region, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp, readAll(t, resp)
}

// HTTPClient is for AWS clients of tests. It reads each answer whole before the SDK sees it: the SDK closes a request's body as soon as an answer begins, and the transport then drops the
// connection under an answer that is still coming.
func HTTPClient() *http.Client {
	return &http.Client{Transport: whole{}, Timeout: time.Minute}
}

type whole struct{}

func (whole) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close() //nolint:errcheck // it was read to its end
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
