package front_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/server"
)

// H101 and part 8: one line of JSON for each request, without secrets; one audit record for each call; and the numbers.
func TestLogAuditMetrics(t *testing.T) {
	s := start(t, func(c *server.Config) { c.MetricsFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	content := []byte("layer of the log")
	manifest, layer := s.image(t, path, "v1", content)
	ctx := t.Context()
	login := s.vendor.Login(t, "us-east-1")
	url, err := s.vendor.ECR("us-east-1").GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.Do(t, login, "GET", path+"/manifests/v1", nil, "User-Agent", "evil\"}\r\n"[:6]+"x")
	}
	s.Do(t, login, "GET", path+"/manifests/none", nil)
	s.Do(t, login, "HEAD", path+"/blobs/"+layer, nil)
	s.Do(t, s.customer.Login(t, "us-east-1"), "GET", path+"/manifests/v1", nil)
	if _, err := http.Get(*url.DownloadUrl); err != nil {
		t.Fatal(err)
	}
	s.call(t, awsCall{who: s.vendor.Caller, target: "DescribeRepositories", body: "{}"})
	s.call(t, awsCall{who: s.vendor.Caller, target: "DescribeRepositories", body: `{"maxResults":0}`})

	text := s.log.String()
	secrets := []string{login, strings.TrimPrefix(login, "Basic "), s.vendor.Secret, strings.TrimPrefix(*url.DownloadUrl, s.URL+"/layers/"), "Signature", "X-Amz-Credential"}
	if b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(login, "Basic ")); err == nil {
		secrets = append(secrets, strings.TrimPrefix(string(b), "AWS:"))
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	byOperation := map[string]int{}
	ids := map[string]bool{}
	for line := range strings.Lines(text) {
		var e struct {
			RequestID, Operation, Principal, SourceIP string
			Status                                    int
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.SourceIP != "127.0.0.1" || e.Status == 0 || ids[e.RequestID] {
			t.Errorf("%s %v", line, err)
		}
		ids[e.RequestID] = true
		byOperation[fmt.Sprint(e.Operation, " ", e.Status)]++
		if e.Operation == "GET Manifest" && !strings.HasPrefix(e.Principal, "arn:aws:iam::") {
			t.Errorf("%s", line)
		}
	}
	for operation, want := range map[string]int{"GET Manifest 200": 3, "GET Manifest 404": 1, "GET Manifest 403": 1, "HEAD Blob 200": 1, "PUT Manifest 201": 1, "POST Upload 201": 2,
		"ecr:GetDownloadUrlForLayer 200": 1, "GET LayerURL 200": 1, "ecr:CreateRepository 200": 1, "ecr:DescribeRepositories 200": 1, "ecr:DescribeRepositories 400": 1} {
		if byOperation[operation] != want {
			t.Errorf("%d lines of %s, want %d", byOperation[operation], operation, want)
		}
	}

	var pulls, puts, descriptions []string
	eventually(t, func() bool {
		pulls, puts, descriptions = nil, nil, nil
		for _, r := range s.records(t, "ecr:BatchGetImage") {
			pulls = append(pulls, fmt.Sprint(r.Decision, r.Error, r.Status, r.Owner == vendor, r.SourceIP, r.Resource))
			if !ids[r.RequestID] {
				t.Errorf("%s is not in the log", r.RequestID)
			}
		}
		for _, r := range s.records(t, "ecr:PutImage") {
			puts = append(puts, fmt.Sprint(r.Decision, r.Tag, r.Digest == manifest))
		}
		for _, r := range s.records(t, "ecr:DescribeRepositories") {
			descriptions = append(descriptions, fmt.Sprint(r.Status, r.Error))
		}
		return len(pulls) >= 5 && len(descriptions) >= 2
	})
	arn := "arn:aws:ecr:us-east-1:" + vendor + ":repository/app"
	ok := "Allow200 true127.0.0.1" + arn
	for _, want := range []string{ok, ok, ok, "AllowImageNotFound404 true127.0.0.1" + arn, "DenyAccessDenied403 true127.0.0.1" + arn} {
		i := 0
		for i < len(pulls) && strings.ReplaceAll(pulls[i], " ", "") != strings.ReplaceAll(want, " ", "") {
			i++
		}
		if i == len(pulls) {
			t.Errorf("no %s in %q", want, pulls)
			continue
		}
		pulls = append(pulls[:i], pulls[i+1:]...)
	}
	if len(pulls) != 0 || len(puts) != 1 || puts[0] != "Allowv1true" && puts[0] != "Allow v1 true" && puts[0] != "Allowv1 true" || len(descriptions) != 2 {
		t.Errorf("%q %q %q", pulls, puts, descriptions)
	}

	r, err := http.Get(s.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	numbers, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { // pulls are counted when they are written
		r, err := http.Get(s.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return strings.Contains(string(b), `berth_pulls_total{account="111222333444",region="us-east-1",repository="app"} 3`)
	})
	for _, want := range []string{
		`berth_requests_total{code="",operation="GET Manifest",status="200"} 3`,
		`berth_requests_total{code="MANIFEST_UNKNOWN",operation="GET Manifest",status="404"} 1`,
		`berth_requests_total{code="DENIED",operation="GET Manifest",status="403"} 1`,
		`berth_requests_total{code="InvalidParameterException",operation="ecr:DescribeRepositories",status="400"} 1`,
		`berth_request_seconds_count{operation="PUT Manifest"} 1`,
	} {
		if !strings.Contains(string(numbers), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// One call, one audit record, also when a chunk and the end of an upload come together.
func TestOneRecordForAnUpload(t *testing.T) {
	s := start(t)
	login := s.vendor.Login(t, "us-east-1")
	content := bytes.Repeat([]byte("x"), 100_000)
	r, _ := s.Do(t, login, "POST", path+"/blobs/uploads/", nil)
	at := strings.TrimPrefix(r.Header.Get("Location"), "/v2/")
	if r, body := s.Do(t, login, "PATCH", at, bytes.NewReader(content[:70_000]), "Content-Range", "0-69999"); r.StatusCode != 202 {
		t.Fatal(r.Status, string(body))
	}
	if r, body := s.Do(t, login, "PUT", at+"?digest="+string(oci.FromBytes(content)), bytes.NewReader(content[70_000:]), "Content-Range", "70000-99999"); r.StatusCode != 201 {
		t.Fatal(r.Status, string(body))
	}
	for action, want := range map[string]int{"ecr:InitiateLayerUpload": 1, "ecr:UploadLayerPart": 1, "ecr:CompleteLayerUpload": 1} {
		eventually(t, func() bool { return len(s.records(t, action)) >= want })
		if list := s.records(t, action); len(list) != want {
			t.Errorf("%s: %+v", action, list)
		}
	}
}

// A panic is answered, in the wire of the request, with an id and nothing else; and never looks like a whole answer.
func TestPanic(t *testing.T) {
	s := start(t)
	f := s.Handler().(*front.Front)
	f.Health = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			io.WriteString(w, "half of an ans") //nolint:errcheck // it is about to panic
		}
		panic("secret cause")
	})
	r, err := http.Get(s.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	id := r.Header.Get("X-Amzn-Requestid")
	if err != nil || r.StatusCode != 500 || !strings.Contains(string(body), id) || strings.Contains(string(body), "secret") {
		t.Errorf("%d %s %v", r.StatusCode, body, err)
	}
	if r, err = http.Get(s.URL + "/readyz"); err == nil {
		if body, err = io.ReadAll(r.Body); err == nil {
			t.Errorf("it looks whole: %s", body)
		}
		r.Body.Close()
	}
	if !strings.Contains(s.log.String(), `"operation":"readyz"`) {
		t.Error("not in the log")
	}
}
