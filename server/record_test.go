package server_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/audit"
)

// buffer is written by many requests at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSuffix(b.b.String(), "\n"), "\n")
}

// H101: one line of JSON for each request, whatever the request holds, and no secret in any: no password, signature, token or URL that opens something.
func TestAccessLog(t *testing.T) {
	var out buffer
	log := (&server.Config{LogFormat: "json", LogLevel: "info"}).Logger(&out)
	s := berthtest.StartWith(t, server.Options{Log: log})
	v := s.Account(t, vendor)
	repository(t, v, "app")
	login := v.Login(t, region)
	image := berthtest.NewImage([]byte("a layer"))
	s.Push(t, login, there, "1", image)
	session, err := v.STS().GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	temporary := s.As(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	url, err := temporary.ECR(region).GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: aws.String(berthtest.Digest(image.Layers[0]))})
	if err != nil {
		t.Fatal(err)
	}
	sealed := (*url.DownloadUrl)[strings.LastIndexByte(*url.DownloadUrl, '/')+1:]
	get := func(url string, headers ...string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	get(*url.DownloadUrl)
	req, err := http.NewRequest("GET", s.URL+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	presigned, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: temporary.Key, SecretAccessKey: temporary.Secret, SessionToken: temporary.Token}, req, empty, "sts", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	get(presigned)
	get(s.URL+"/v2/"+there+"/manifests/%0d%0a%7B%22level%22:%22forged%22%7D", "User-Agent", "an agent \"with\" {quotes}", "Authorization", "Basic "+strings.Repeat("x", 40))
	signature := presigned[strings.Index(presigned, "X-Amz-Signature=")+len("X-Amz-Signature="):]

	lines := out.lines()
	if len(lines) < 12 {
		t.Fatalf("there are only %d lines", len(lines))
	}
	ids, operations := map[string]bool{}, map[string]bool{}
	for _, line := range lines {
		var l struct {
			Msg, RequestID, Method, Path, Operation, SourceIP string
			Status                                            int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("a line is no JSON: %v: %s", err, line)
			continue
		}
		if l.Msg != "request" || l.RequestID == "" || ids[l.RequestID] || l.Method == "" || l.Status == 0 || l.SourceIP != "127.0.0.1" {
			t.Errorf("a line does not say who, what and how it went: %s", line)
		}
		ids[l.RequestID], operations[l.Operation] = true, true
		for what, secret := range map[string]string{
			"the secret key": v.Secret, "the registry password": strings.TrimPrefix(login, "Basic "), "the session's secret": temporary.Secret, "the session token": temporary.Token[:40],
			"the signature": signature[:64], "the layer's URL": sealed[:40], "an Authorization header": strings.Repeat("x", 40),
		} {
			if strings.Contains(line, secret) {
				t.Errorf("the log tells %s: %s", what, line)
			}
		}
	}
	for _, want := range []string{"ecr:CreateRepository", "ecr:GetAuthorizationToken", "sts:GetSessionToken", "PUT Manifest", "POST Upload", "GET LayerURL", "GET Manifest", "sts:GetCallerIdentity"} {
		if !operations[want] {
			t.Errorf("no line is of %s, but of %v", want, operations)
		}
	}
}

// Each call leaves one audit record: who, from where, what, and which statement of which policy decided. A change has its record in its own transaction:
// it is there as soon as the change is.
func TestAuditRecords(t *testing.T) {
	s := berthtest.Start(t)
	v, customer := s.Account(t, vendor), s.Account(t, "999888777666")
	repository(t, v, "app")
	dev := v.User(t, "dev", `{"Version":"2012-10-17","Statement":[{"Sid":"MayPull","Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage"],"Resource":"*"}]}`)
	login := v.Login(t, region)
	image := berthtest.NewImage([]byte("a layer"))
	s.Push(t, login, there, "1", image)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Config.Data, "berth.db")) // the driver is the server's
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM audit WHERE record LIKE '%"ecr:PutImage"%'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("right after the push there are %d records of it, %v", n, err)
	}
	s.Do(t, dev.Login(t, region), "GET", there+"/manifests/1", nil)
	s.Do(t, customer.Login(t, region), "GET", there+"/manifests/1", nil)
	s.Do(t, "Basic QVdTOndyb25n", "GET", there+"/manifests/1", nil)

	const arn, userPolicy = "arn:aws:ecr:us-east-2:111222333444:repository/app", "test"
	for name, want := range map[string]audit.Record{
		"the push": {Principal: "arn:aws:iam::111222333444:user/administrator", Account: vendor, AccessKeyID: v.Key, Action: "ecr:PutImage", Region: region, Resource: arn, Owner: vendor,
			Tag: "1", Digest: image.Digest(), Decision: "Allow", Layer: "identity", Policy: "arn:aws:iam::aws:policy/AdministratorAccess", Statement: "#0"},
		"the pull": {Principal: "arn:aws:iam::111222333444:user/dev", Account: vendor, AccessKeyID: dev.Key, Action: "ecr:BatchGetImage", Region: region, Resource: arn, Owner: vendor,
			Tag: "1", Digest: image.Digest(), Decision: "Allow", Layer: "identity", Policy: userPolicy, Statement: "MayPull", Status: 200},
		"the refusal": {Principal: "arn:aws:iam::999888777666:user/administrator", Account: "999888777666", AccessKeyID: customer.Key, Action: "ecr:BatchGetImage", Region: region, Resource: arn,
			Owner: vendor, Decision: "Deny", Layer: "resource", Status: 403, Error: "AccessDenied"},
		"the new repository": {Principal: "arn:aws:iam::111222333444:user/administrator", Account: vendor, AccessKeyID: v.Key, Action: "ecr:CreateRepository", Region: region, Resource: arn,
			Owner: vendor, Decision: "Allow", Layer: "identity", Policy: "arn:aws:iam::aws:policy/AdministratorAccess", Statement: "#0"},
	} {
		var found []audit.Record
		for begin := time.Now(); len(found) == 0 && time.Since(begin) < 30*time.Second; time.Sleep(50 * time.Millisecond) { // those of reads are written in batches
			found = records(t, s, func(r *audit.Record) bool {
				return r.Action == want.Action && r.Principal == want.Principal && r.Decision == want.Decision
			})
		}
		if len(found) != 1 {
			t.Errorf("%s has %d records", name, len(found))
			continue
		}
		got := found[0]
		if got.RequestID == "" || got.SourceIP != "127.0.0.1" || got.UserAgent == "" || time.Since(got.Time) > time.Hour {
			t.Errorf("%s: the record does not say when, from where, with what: %s", name, got.Line())
		}
		got.ID, got.Time, got.RequestID, got.SourceIP, got.UserAgent = 0, time.Time{}, "", "", ""
		if string(got.Line()) != string(want.Line()) {
			t.Errorf("%s: the record is\n%s\nand should be\n%s", name, got.Line(), want.Line())
		}
	}
}

// A change that fails leaves no record of having been made.
func TestAuditOfWhatWasNotDone(t *testing.T) {
	s := berthtest.Start(t)
	v := s.Account(t, vendor)
	repository(t, v, "app")
	if _, err := v.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err == nil {
		t.Fatal("a repository was made twice")
	}
	var found []audit.Record
	for begin := time.Now(); len(found) < 2 && time.Since(begin) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
		found = records(t, s, func(r *audit.Record) bool { return r.Action == "ecr:CreateRepository" })
	}
	if len(found) != 2 || found[0].Error != "" || found[1].Error != "RepositoryAlreadyExists" {
		t.Errorf("the records are %+v", found)
	}
}

// records reads the audit as `berth audit` does.
func records(t *testing.T, s *berthtest.Server, admit func(*audit.Record) bool) []audit.Record {
	t.Helper()
	resp, body := s.Call(t, s.Root(t), "berth", "us-east-1", "Berth_20261122", "LookUpAudit", "{}")
	var out struct{ Records []string }
	if err := json.Unmarshal(body, &out); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("LookUpAudit: %s %s", resp.Status, body)
	}
	var found []audit.Record
	for _, line := range out.Records {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if admit(&r) {
			found = append(found, r)
		}
	}
	return found
}
