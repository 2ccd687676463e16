package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// F31: who asks the server to end, as a restart does, interrupts nobody: an upload that has begun is finished, while nothing new is let in.
func TestRequestsInProgressFinish(t *testing.T) {
	c := config(t.TempDir())
	s, err := server.Open(t.Context(), c, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	listeners, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listeners) }()

	b := berthtest.Of(s, c, listeners.URLs()[0])
	v := b.Account(t, vendor)
	repository(t, v, "app")
	login := v.Login(t, region)
	at := b.StartUpload(t, login, there)
	content := []byte("the first half and the second half")
	body, slow := io.Pipe()
	answered := make(chan string, 1)
	go func() {
		resp, text := b.Do(t, login, "PUT", at+"?digest="+berthtest.Digest(content), body, "Content-Type", "application/octet-stream", "Expect", "100-continue")
		answered <- fmt.Sprint(resp.StatusCode, string(text))
	}()
	if _, err := slow.Write(content[:14]); err != nil { // the client sends it when the server has asked for the body
		t.Fatal(err)
	}
	end()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", b.Host)
		if err != nil {
			break
		}
		conn.Close()
		if time.Since(begin) > time.Minute {
			t.Fatal("new connections are still taken")
		}
	}
	select {
	case err := <-served:
		t.Fatalf("the server ended under the upload: %v", err)
	default:
	}
	if _, err := slow.Write(content[14:]); err != nil {
		t.Fatal(err)
	}
	slow.Close()
	if got := <-answered; got != "201" {
		t.Errorf("the upload was answered with %s", got)
	}
	if err := <-served; err != nil {
		t.Errorf("the end: %v", err)
	}
}

func TestHealthReadinessAndMetrics(t *testing.T) {
	s := berthtest.Start(t)
	get := func(s *berthtest.Server, path string) (int, string) {
		t.Helper()
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if status, text := get(s, path); status != 200 || text != want {
			t.Errorf("%s answers %d %q", path, status, text)
		}
		resp, err := http.Post(s.URL+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s answers %d", path, resp.StatusCode)
		}
	}
	// Metrics name repositories: nobody gets them whose network was not named.
	if status, text := get(s, "/metrics"); status != http.StatusForbidden || strings.Contains(text, "berth_") {
		t.Errorf("metrics for anybody: %d %s", status, text)
	}
	elsewhere := berthtest.Start(t, func(c *server.Config) { c.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	if status, _ := get(elsewhere, "/metrics"); status != http.StatusForbidden {
		t.Errorf("metrics for another network: %d", status)
	}

	open := berthtest.Start(t, func(c *server.Config) { c.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	v := open.Account(t, vendor)
	repository(t, v, "app")
	login, image := v.Login(t, region), berthtest.NewImage(bytes.Repeat([]byte("x"), 100_000))
	open.Push(t, login, there, "1", image)
	open.Pull(t, login, there, "1", image)
	open.Do(t, login, "GET", there+"/manifests/absent", nil)
	for _, want := range []string{
		`berth_requests_total{code="",operation="ecr:CreateRepository",status="200"} 1`,
		`berth_requests_total{code="",operation="PUT Manifest",status="201"} 1`,
		`berth_requests_total{code="MANIFEST_UNKNOWN",operation="GET Manifest",status="404"} 1`,
		`berth_request_seconds_count{operation="GET Manifest"} 2`,
		`berth_pulls_total{account="111222333444",region="us-east-2",repository="app"} 1`,
		"berth_sent_bytes_total 1", "berth_received_bytes_total 1", "go_goroutines", "process_resident_memory_bytes",
	} {
		for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) { // pulls are counted in batches
			if _, text := get(open, "/metrics"); strings.Contains(text, want) {
				break
			} else if time.Since(begin) > 30*time.Second {
				t.Fatalf("the metrics have no %s:\n%s", want, text)
			}
		}
	}
}

// /readyz is for load balancers: a node whose database is away must get no requests, while /healthz goes on saying that a restart would not help.
func TestNotReadyWithoutDatabase(t *testing.T) {
	proxy := newProxy(t, sqltest.Postgres(t))
	s := berthtest.Start(t, func(c *server.Config) { c.DB = proxy.dsn })
	status := func(path string) int {
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := status("/readyz"); got != http.StatusOK {
		t.Fatalf("with its database it is not ready: %d", got)
	}
	proxy.stop()
	if got := status("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("without its database: /readyz answers %d", got)
	}
	if got := status("/healthz"); got != http.StatusOK {
		t.Errorf("without its database: /healthz answers %d", got)
	}
	proxy.start()
	for begin := time.Now(); status("/readyz") != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal("it does not come back")
		}
	}
}

// The story's heart on every kind of store: pushed in one account, pulled from another, and a large layer and a small one come back byte for byte, also
// from another server on the same stores.
func TestPushAndPullOnEveryStore(t *testing.T) {
	bucket := func(t *testing.T, options ...string) string { return s3test.Start(t).URL("cell", options...) }
	for name, change := range map[string]func(*testing.T, *server.Config){
		"SQLite and files":            func(*testing.T, *server.Config) {},
		"PostgreSQL and files":        func(t *testing.T, c *server.Config) { c.DB = sqltest.Postgres(t) },
		"PostgreSQL and S3":           func(t *testing.T, c *server.Config) { c.DB, c.Blobs = sqltest.Postgres(t), bucket(t) },
		"SQLite and S3 with redirect": func(t *testing.T, c *server.Config) { c.Blobs = bucket(t, "redirect=true") },
	} {
		t.Run(name, func(t *testing.T) {
			s := berthtest.Start(t, func(c *server.Config) { change(t, c) })
			v, customer := s.Account(t, vendor), s.Account(t, "999888777666")
			repository(t, v, "app")
			image := berthtest.NewImage([]byte("small"), bytes.Repeat([]byte("0123456789abcdef"), 400_000))
			s.Push(t, v.Login(t, region), there, "1", image)
			dev := customer.User(t, "CustomerDev", anyPolicy)
			login := dev.Login(t, region)
			if resp, body := s.Do(t, login, "GET", there+"/manifests/1", nil); resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "no resource-based policy allows") {
				t.Errorf("before the policy: %s %s", resp.Status, body)
			}
			_, err := v.ECR(region).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(`{"Version":"2012-10-17",
				"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999888777666:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}}`)})
			if err != nil {
				t.Fatal(err)
			}
			s.Pull(t, login, there, "1", image)
			s.Pull(t, login, there, image.Digest(), image)
			if s.Config.DB == "" || s.Config.Blobs == "" {
				return
			}
			// Another node of the cell: other memory and no data in common but the stores; and the password of the first is good on it.
			other := berthtest.Start(t, func(c *server.Config) { c.DB, c.Blobs = s.Config.DB, s.Config.Blobs })
			if other.First != nil {
				t.Errorf("the second node made account %s", other.First.ID)
			}
			other.Pull(t, login, there, "1", image)
			// An upload goes on at whatever node.
			writer, content := v.Login(t, region), bytes.Repeat([]byte("over two nodes "), 500_000)
			at := s.StartUpload(t, writer, there)
			if resp, body := s.Do(t, writer, "PATCH", at, bytes.NewReader(content[:6_000_000])); resp.StatusCode != http.StatusAccepted {
				t.Fatalf("PATCH: %s %s", resp.Status, body)
			}
			if resp, body := other.Do(t, writer, "PUT", at+"?digest="+berthtest.Digest(content), bytes.NewReader(content[6_000_000:])); resp.StatusCode != http.StatusCreated {
				t.Fatalf("PUT: %s %s", resp.Status, body)
			}
			if resp, body := s.Do(t, writer, "GET", there+"/blobs/"+berthtest.Digest(content), nil); resp.StatusCode != http.StatusOK || !bytes.Equal(body, content) {
				t.Errorf("GET: %s, %d bytes of %d", resp.Status, len(body), len(content))
			}
		})
	}
}

// H70: a registry password is worth what its key is worth at this moment.
func TestPasswordDiesWithItsKey(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	repository(t, v, "app")
	s.Push(t, v.Login(t, region), there, "1", berthtest.NewImage([]byte("x")))
	dev := v.User(t, "dev", anyPolicy)
	login := dev.Login(t, region)
	pull := func() int {
		resp, _ := s.Do(t, login, "GET", there+"/manifests/1", nil)
		return resp.StatusCode
	}
	if got := pull(); got != http.StatusOK {
		t.Fatalf("with its key: %d", got)
	}
	ctx, c, name := t.Context(), v.IAM(), aws.String("dev")
	for _, step := range []struct {
		what string
		do   func() error
		want int
	}{
		{"the key switched off", func() error {
			_, err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: &dev.Key, Status: "Inactive"})
			return err
		}, http.StatusUnauthorized},
		{"the key switched on again", func() error {
			_, err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: &dev.Key, Status: "Active"})
			return err
		}, http.StatusOK},
		{"the policy gone", func() error {
			_, err := c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: name, PolicyName: aws.String("test")})
			return err
		}, http.StatusForbidden},
		{"the key deleted", func() error {
			_, err := c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: &dev.Key})
			return err
		}, http.StatusUnauthorized},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := pull(); got != step.want {
			t.Errorf("%s: %d, not %d", step.what, got, step.want)
		}
	}
}

// H14: who sends headers one at a time, or larger than anybody needs, is shown out.
func TestHeadersAreBounded(t *testing.T) {
	s := berthtest.Start(t)
	conn, err := net.Dial("tcp", s.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Large: %s\r\n\r\n", strings.Repeat("x", 64<<10)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers are answered with %s", resp.Status)
	}
}

func repository(t *testing.T, a *berthtest.Account, name string) {
	t.Helper()
	if _, err := a.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		t.Fatal(err)
	}
}

// A client that is told an endpoint, as by AWS_ENDPOINT_URL, signs calls of IAM for the region that it works in and not for us-east-1, where IAM is (STS-1).
func TestIAMFromAnyRegionServed(t *testing.T) {
	s := berthtest.Start(t)
	root := s.Root(t)
	for where, want := range map[string]string{"us-east-1": "", "us-west-2": "", "eu-north-1": "SignatureDoesNotMatch"} {
		c := iam.New(iam.Options{Region: where, BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider(root.Key, root.Secret, ""), HTTPClient: berthtest.HTTPClient()})
		if _, err := c.ListUsers(t.Context(), &iam.ListUsersInput{}); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("signed for %s: %v", where, err)
		}
	}
}
