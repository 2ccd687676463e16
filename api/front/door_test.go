package front_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	vendor   = "111222333444"
	customer = "999888777666"
	path     = vendor + "/us-east-1/app"
)

// site is a whole berth with a vendor, who has the repository app, and a customer; with a clock and a log to look at.
type site struct {
	*berthtest.Server
	vendor, customer *berthtest.Account
	clock            *clock
	log              *lines
}

type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func start(t testing.TB, changes ...func(*server.Config)) *site {
	t.Helper()
	s := &site{clock: &clock{}, log: &lines{}}
	s.Server = berthtest.StartWith(t, server.Options{Now: s.clock.Now, Log: slog.New(slog.NewJSONHandler(s.log, nil))}, changes...)
	s.vendor, s.customer = s.Account(t, vendor), s.Account(t, customer)
	s.create(t, "app")
	return s
}

func (s *site) create(t testing.TB, name string) {
	t.Helper()
	if _, err := s.vendor.ECR("us-east-1").CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		t.Fatal(err)
	}
}

// image pushes an image of one layer as the vendor, and answers the digests of its manifest and its layer.
func (s *site) image(t testing.TB, name, tag string, layer []byte) (manifest, blob string) {
	t.Helper()
	login := s.vendor.Login(t, "us-east-1")
	for _, b := range [][]byte{[]byte("{}"), layer} {
		if r, body := s.Do(t, login, "POST", name+"/blobs/uploads/?digest="+string(oci.FromBytes(b)), bytes.NewReader(b)); r.StatusCode != 201 {
			t.Fatal(r.Status, string(body))
		}
	}
	describe := func(b []byte) map[string]any {
		return map[string]any{"mediaType": "application/octet-stream", "digest": oci.FromBytes(b), "size": len(b)}
	}
	text, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest, "config": describe([]byte("{}")), "layers": []any{describe(layer)}})
	if err != nil {
		t.Fatal(err)
	}
	if r, body := s.Do(t, login, "PUT", name+"/manifests/"+tag, bytes.NewReader(text), "Content-Type", oci.MediaTypeImageManifest); r.StatusCode != 201 {
		t.Fatal(r.Status, string(body))
	}
	return string(oci.FromBytes(text)), string(oci.FromBytes(layer))
}

// eventually waits until done, for as long as the test may take.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}

// records are the audit records of an action.
func (s *site) records(t testing.TB, action string) (list []audit.Record) {
	t.Helper()
	db, err := sql.Open(t.Context(), "sqlite:"+filepath.Join(s.Config.Data, "berth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log, err := audit.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.Find(t.Context(), audit.Filter{Action: action}, func(r *audit.Record) error { list = append(list, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// awsCall is a call of the ECR API as the SDK makes it. before changes the request before it is signed, after afterwards.
type awsCall struct {
	who             *berthtest.Caller
	target, body    string
	region, service string
	at              time.Time
	before, after   func(*http.Request)
	presign         bool
}

type awsAnswer struct {
	status    int
	code      string // __type, or Code of XML
	message   string
	requestID string
	body      string
}

func (s *site) call(t testing.TB, c awsCall) awsAnswer {
	t.Helper()
	if c.region == "" {
		c.region = "us-east-1"
	}
	if c.service == "" {
		c.service = "ecr"
	}
	if c.at.IsZero() {
		c.at = s.clock.Now()
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/", strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.target != "" {
		if !strings.Contains(c.target, ".") {
			c.target = "AmazonEC2ContainerRegistry_V20150921." + c.target
		}
		r.Header.Set("X-Amz-Target", c.target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.before != nil {
		c.before(r)
	}
	if c.who != nil {
		sum := sha256.Sum256([]byte(c.body))
		credentials := aws.Credentials{AccessKeyID: c.who.Key, SecretAccessKey: c.who.Secret, SessionToken: c.who.Token}
		if c.presign {
			uri, headers, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), c.service, c.region, c.at)
			if err != nil {
				t.Fatal(err)
			}
			again, err := http.NewRequestWithContext(t.Context(), r.Method, uri, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for name, values := range headers {
				again.Header[http.CanonicalHeaderKey(name)] = values
			}
			r = again
		} else if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), c.service, c.region, c.at); err != nil {
			t.Fatal(err)
		}
	}
	if c.after != nil {
		c.after(r)
	}
	return s.send(t, r)
}

func (s *site) send(t testing.TB, r *http.Request) awsAnswer {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := awsAnswer{status: resp.StatusCode, requestID: resp.Header.Get("X-Amzn-Requestid"), body: string(body)}
	if len(a.requestID) != 36 {
		t.Errorf("request id %q", a.requestID)
	}
	if strings.HasPrefix(a.body, "{") {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		a.code, a.message = e.Type, e.Message
	} else if _, rest, ok := strings.Cut(a.body, "<Code>"); ok {
		a.code, rest, _ = strings.Cut(rest, "</Code>")
		_, rest, _ = strings.Cut(rest, "<Message>")
		a.message, _, _ = strings.Cut(rest, "</Message>")
	}
	return a
}

func (a awsAnswer) is(t testing.TB, status int, code, message string) {
	t.Helper()
	if a.status != status || a.code != code || !strings.Contains(a.message, message) {
		t.Errorf("%d %s, want %d %s with %q", a.status, a.body, status, code, message)
	}
}
