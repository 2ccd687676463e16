package front_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/server"
)

func dial(t testing.TB, host string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, bufio.NewReader(conn)
}

func write(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func readAnswer(t testing.TB, in *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// HTTP-4, HTTP-5, H01, H70, H71: who may come in, and what everybody else is told.
func TestSignIn(t *testing.T) {
	s := start(t)
	login := s.vendor.Login(t, "us-east-1")
	password := func(login string) string {
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(login, "Basic "))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(string(b), "AWS:")
	}(login)
	if strings.Contains(password, ":") || len(password) > 1024 {
		t.Errorf("password %q", password)
	}
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, ok := range []string{login, strings.Replace(login, "Basic", "basic", 1)} {
		for _, at := range []string{"", path + "/tags/list"} {
			if r, body := s.Do(t, ok, "GET", at, nil); r.StatusCode != 200 {
				t.Errorf("%s %s", r.Status, body)
			}
		}
	}
	flip := func(i int) string {
		b := []byte(password)
		b[i] = map[bool]byte{true: 'B', false: 'A'}[b[i] == 'A']
		return "AWS:" + string(b)
	}
	for name, header := range map[string]string{
		"none": "", "empty": "Basic ", "no Basic": "Bearer " + password, "not base64": "Basic !!!", "no colon": basic("AWS"), "another user": basic("aws:" + password),
		"root": basic("root:" + password), "user twice": basic("AWS:AWS:" + password), "colon after": basic("AWS:" + password + ":"), "no password": basic("AWS:"),
		"line end": basic("AWS:" + password + "\n"), "short": basic("AWS:" + password[:len(password)-1]), "first bit": basic(flip(0)), "middle bit": basic(flip(len(password) / 2)),
		"none algorithm": basic("AWS:eyJhbGciOiJub25lIn0.e30."), "20 KiB": basic("AWS:" + strings.Repeat("x", 20<<10)), "a secret key": basic("AWS:" + s.vendor.Secret),
		"padded": login + "=",
	} {
		t.Run(name, func(t *testing.T) {
			for _, at := range []string{"", path + "/tags/list", path + "/manifests/none", "nonsense", vendor + "/mars-1/app/tags/list"} {
				r, body := s.Do(t, header, "GET", at, nil)
				if r.StatusCode != 401 || string(body) != "Not Authorized\n" || r.Header.Get("Www-Authenticate") != `Basic realm="http://`+s.Host+`/",service="ecr.amazonaws.com"` ||
					r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || r.Header.Get("Docker-Distribution-Api-Version") != "registry/2.0" || len(r.Header.Get("X-Amzn-Requestid")) != 36 {
					t.Errorf("%q: %d %v %s", at, r.StatusCode, r.Header, body)
				}
			}
		})
	}
	// A password of another region.
	if r, body := s.Do(t, s.vendor.Login(t, "us-east-2"), "GET", path+"/tags/list", nil); r.StatusCode != 403 || !strings.Contains(string(body), `"DENIED"`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	// A region that is not served, told only to those who have signed in.
	if r, body := s.Do(t, login, "GET", vendor+"/mars-1/app/tags/list", nil); r.StatusCode != 404 || !strings.Contains(string(body), "'mars-1' is not served here") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	// Twelve hours.
	s.clock.advance(12*time.Hour - time.Minute)
	if r, _ := s.Do(t, login, "GET", "", nil); r.StatusCode != 200 {
		t.Error(r.Status)
	}
	s.clock.advance(2 * time.Minute)
	if r, body := s.Do(t, login, "GET", "", nil); r.StatusCode != 403 || !strings.Contains(string(body), "Your authorization token has expired. Reauthenticate and try again.") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

// API-33, H70: what a password may do is asked at each request, and it ends with its user.
func TestPasswordFollowsPolicies(t *testing.T) {
	s := start(t)
	s.image(t, path, "v1", []byte("layer"))
	ctx := t.Context()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage"],"Resource":"*"}]}`
	user := s.vendor.User(t, "ann", policy)
	login := user.Login(t, "us-east-1")
	get := func(want int) {
		t.Helper()
		if r, body := s.Do(t, login, "GET", path+"/manifests/v1", nil); r.StatusCode != want {
			t.Fatalf("%d %s, want %d", r.StatusCode, body, want)
		}
	}
	get(200)
	name, p := aws.String("ann"), aws.String("test")
	if _, err := s.vendor.IAM().DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: name, PolicyName: p}); err != nil {
		t.Fatal(err)
	}
	get(403)
	if _, err := s.vendor.IAM().PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: p, PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	get(200)
	for _, status := range []string{"Inactive", "Active"} {
		if _, err := s.vendor.IAM().UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: &user.Key, Status: map[string]types.StatusType{"Inactive": "Inactive", "Active": "Active"}[status]}); err != nil {
			t.Fatal(err)
		}
		get(map[string]int{"Inactive": 401, "Active": 200}[status])
	}
	if _, err := s.vendor.IAM().DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: &user.Key}); err != nil {
		t.Fatal(err)
	}
	get(401)
}

// HTTP-10, HTTP-11: each request takes the permission for its own action, and no other: who has only that is let in, who has all but that is not. To pull takes two.
func TestActionOfEachRequest_HTTP10_HTTP11(t *testing.T) {
	s := start(t)
	manifest, blob := s.image(t, path, "v1", []byte("layer"))
	root := s.vendor.Login(t, "us-east-1")
	upload := func() string { return s.StartUpload(t, root, path) }
	x := "?digest=" + string(oci.FromBytes([]byte("x")))
	logins := map[string]string{}
	login := func(name, statements string) string {
		if logins[name] == "" {
			logins[name] = s.vendor.User(t, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},`+statements+`]}`).Login(t, "us-east-1")
		}
		return logins[name]
	}
	for _, q := range []struct {
		method, at, body string
		actions          []string
	}{
		{"GET", path + "/manifests/v1", "", []string{"BatchGetImage"}},
		{"HEAD", path + "/manifests/v1", "", []string{"BatchGetImage"}},
		{"GET", path + "/manifests/" + manifest, "", []string{"BatchGetImage"}},
		{"GET", path + "/referrers/" + manifest, "", []string{"BatchGetImage"}},
		{"HEAD", path + "/blobs/" + blob, "", []string{"BatchCheckLayerAvailability"}},
		{"GET", path + "/blobs/" + blob, "", []string{"GetDownloadUrlForLayer"}},
		{"POST", path + "/blobs/uploads/", "", []string{"InitiateLayerUpload"}},
		{"PATCH", upload(), "x", []string{"UploadLayerPart"}},
		{"PUT", upload() + x, "", []string{"CompleteLayerUpload"}},
		{"PUT", upload() + x, "x", []string{"CompleteLayerUpload", "UploadLayerPart"}},
		{"POST", path + "/blobs/uploads/" + x, "x", []string{"CompleteLayerUpload", "InitiateLayerUpload", "UploadLayerPart"}},
		{"PUT", path + "/manifests/v2", "{}", []string{"PutImage"}},
		{"DELETE", path + "/manifests/none", "", []string{"BatchDeleteImage"}},
		{"GET", path + "/tags/list", "", []string{"ListImages"}},
		{"GET", vendor + "/us-east-1/_catalog", "", []string{"DescribeRepositories"}},
	} {
		ask := func(login string) (int, string) {
			var in io.Reader
			if q.body != "" {
				in = strings.NewReader(q.body)
			}
			r, body := s.Do(t, login, q.method, q.at, in, "Content-Type", oci.MediaTypeImageManifest)
			return r.StatusCode, string(body)
		}
		for _, action := range q.actions { // before who may has ended the upload
			but := login("but-"+action, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ecr:`+action+`","Resource":"*"}`)
			if status, body := ask(but); status != 403 || q.method != "HEAD" && !strings.Contains(body, "is not authorized to perform: ecr:"+action+" on resource: ") {
				t.Errorf("%s %s without %s: %d %s", q.method, q.at, action, status, body)
			}
		}
		only := login("only-"+strings.Join(q.actions, "-"), `{"Effect":"Allow","Action":["ecr:`+strings.Join(q.actions, `","ecr:`)+`"],"Resource":"*"}`)
		if status, body := ask(only); status == 401 || status == 403 {
			t.Errorf("%s %s with %s alone: %d %s", q.method, q.at, q.actions, status, body)
		}
	}
}

// HTTP-35, API-32: the scenario of the sharing guides. The customer's user signs in with their own account's credentials, once for the region, and pulls from the vendor's registry what
// the vendor's policy lets that account pull; it may not push, and another user of the account, whom nobody there lets, may not even pull.
func TestSharingWithAnotherAccount_HTTP35(t *testing.T) {
	s := start(t)
	manifest, blob := s.image(t, path, "v1", []byte("layer"))
	if _, err := s.vendor.ECR("us-east-1").SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(`{"Version":"2008-10-17","Statement":[
		{"Sid":"AllowPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + customer + `:root"},"Action":["ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"]}]}`)}); err != nil {
		t.Fatal(err)
	}
	const pull = `{"Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"],"Resource":"*"},`
	user := func(name, statements string) string {
		return s.customer.User(t, name, `{"Version":"2012-10-17","Statement":[`+statements+`{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`).Login(t, "us-east-1")
	}
	dev, idle := user("dev", pull), user("idle", "")
	const refused = "is not authorized to perform: ecr:"
	for _, q := range []struct {
		login, method, at string
		status            int
		why               string
	}{
		{dev, "GET", "/manifests/v1", 200, `"layers"`},
		{dev, "GET", "/manifests/" + manifest, 200, `"layers"`},
		{dev, "HEAD", "/blobs/" + blob, 200, ""},
		{dev, "GET", "/blobs/" + blob, 200, "layer"},
		{dev, "POST", "/blobs/uploads/", 403, customer + ":user/dev " + refused + "InitiateLayerUpload on resource: arn:aws:ecr:us-east-1:" + vendor + ":repository/app because no resource-based policy allows the ecr:InitiateLayerUpload action"},
		{dev, "PUT", "/manifests/v2", 403, customer + ":user/dev " + refused + "PutImage on resource: arn:aws:ecr:us-east-1:" + vendor + ":repository/app because no resource-based policy allows the ecr:PutImage action"},
		{idle, "GET", "/manifests/v1", 403, customer + ":user/idle " + refused + "BatchGetImage on resource: arn:aws:ecr:us-east-1:" + vendor + ":repository/app because no identity-based policy allows the ecr:BatchGetImage action"},
		{idle, "GET", "/blobs/" + blob, 403, customer + ":user/idle " + refused + "GetDownloadUrlForLayer on resource: arn:aws:ecr:us-east-1:" + vendor + ":repository/app because no identity-based policy allows the ecr:GetDownloadUrlForLayer action"},
	} {
		if r, body := s.Do(t, q.login, q.method, path+q.at, strings.NewReader(""), "Content-Type", oci.MediaTypeImageManifest); r.StatusCode != q.status || !strings.Contains(string(body), q.why) {
			t.Errorf("%s %s: %d %s, want %d %s", q.method, q.at, r.StatusCode, body, q.status, q.why)
		}
	}
}

// H16: neither Host nor a forwarding header decides anything but what a validated name says, and an absolute URI counts as its Host.
func TestHosts(t *testing.T) {
	s := start(t, func(c *server.Config) { c.Domain = "registry.example" })
	login := s.vendor.Login(t, "us-east-1")
	own := vendor + ".dkr.ecr.us-east-1.registry.example"
	for _, c := range []struct {
		host, target, more string
		status             int
	}{
		{own, "/v2/app/tags/list", "", 200},
		{own + ":5050", "/v2/app/tags/list", "", 200},
		{"x", "http://" + own + "/v2/app/tags/list", "", 200},
		{own, "http://evil.example/v2/app/tags/list", "", 400},
		{"evil.example", "/v2/app/tags/list", "X-Forwarded-Host: " + own + "\r\n", 400},
		{"evil.example", "/v2/app/tags/list", "Forwarded: host=" + own + "\r\n", 400},
		{customer + ".dkr.ecr.us-east-1.registry.example", "/v2/app/tags/list", "X-Forwarded-Host: " + own + "\r\n", 403},
		{vendor + ".dkr.ecr.mars-1.registry.example", "/v2/app/tags/list", "", 404},
		{own + ".evil.example", "/v2/app/tags/list", "", 400},
		{"evil.example", "/v2/" + path + "/tags/list", "", 200}, // the path form, whatever the host
	} {
		conn, in := dial(t, s.Host)
		write(t, conn, "GET "+c.target+" HTTP/1.1\r\nHost: "+c.host+"\r\nAuthorization: "+login+"\r\n"+c.more+"\r\n")
		answer, body := readAnswer(t, in, "GET")
		if answer.StatusCode != c.status || strings.Contains(body, "evil") {
			t.Errorf("%s %s: %d %s, want %d", c.host, c.target, answer.StatusCode, body, c.status)
		}
	}
	conn, in := dial(t, s.Host)
	write(t, conn, "POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: "+own+"\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nAuthorization: "+login+"\r\nContent-Length: 0\r\n\r\n")
	answer, _ := readAnswer(t, in, "POST")
	if at := answer.Header.Get("Location"); answer.StatusCode != 202 || !strings.HasPrefix(at, "/v2/app/blobs/uploads/") {
		t.Errorf("%d %s", answer.StatusCode, at)
	}
}

// H11, H14, H15: requests that are no good HTTP.
func TestWire(t *testing.T) {
	s := start(t)
	login := s.vendor.Login(t, "us-east-1")
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"a header of 64 KiB":      {"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
		"10000 headers":           {"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 10_000) + "\r\n", 431},
		"unknown transfer coding": {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
		"length with a sign":      {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400},
		"two lengths":             {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400},
		"unknown coding first":    {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked, chunked\r\n\r\n0\r\n\r\n", 501},
		"two codings":             {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501},
		"a coding in disguise":    {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
		"a length with a space":   {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello", 400},
		"a length below zero":     {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello", 400},
		"a list of lengths":       {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 400},
		"a length of 20 digits":   {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello", 400},
		"a bare CR in a header":   {"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 5\r\n\r\n", 400},
		"NUL in a header":         {"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400},
		"NUL in a name":           {"GET /v2/ HTTP/1.1\r\nHost: x\r\nX\x00: b\r\n\r\n", 400},
		"a line without a colon":  {"GET /v2/ HTTP/1.1\r\nHost: x\r\nGET /v2/ HTTP/1.1\r\n\r\n", 400},
		"a folded first header":   {"GET /v2/ HTTP/1.1\r\n Host: x\r\n\r\n", 400},
		"a space in the target":   {"GET /v2/ x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"no version":              {"GET /v2/\r\nHost: x\r\n\r\n", 400},
		"version 1.2.3":           {"GET /v2/ HTTP/1.2.3\r\nHost: x\r\n\r\n", 400},
		"version 3":               {"GET /v2/ HTTP/3.0\r\nHost: x\r\n\r\n", 505},
		"a host with a path":      {"GET /v2/ HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
		"a method with a slash":   {"GE/T /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"HTTP/2 without TLS":      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404},
		"TLS on a plain socket":   {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		"no host":                 {"GET /v2/ HTTP/1.1\r\n\r\n", 400},
		"two hosts":               {"GET /v2/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
		"a space in a header":     {"GET /v2/ HTTP/1.1\r\nHost : x\r\n\r\n", 400},
		"NUL in the path":         {"GET /v2/\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			conn, in := dial(t, s.Host)
			write(t, conn, c.request)
			answer, _ := readAnswer(t, in, "GET")
			if answer.StatusCode != c.status {
				t.Errorf("%d, want %d", answer.StatusCode, c.status)
			}
			if rest, _ := io.ReadAll(in); len(rest) > 0 { // closed, and nothing more was read as a request
				t.Errorf("%s", rest)
			}
		})
	}
	// A length beside chunks: the chunks count (RFC 9112, 6.3), which net/http settles before anybody can look. What follows them is taken for no request: of one
	// who is refused, nor of one behind a proxy, for whom the length may have counted.
	for name, c := range map[string]struct {
		headers string
		status  int
	}{
		"refused":           {"", 401},
		"behind a proxy":    {"Via: 1.1 proxy\r\nAuthorization: " + login + "\r\n", 202},
		"behind another":    {"X-Forwarded-For: 192.0.2.1\r\nAuthorization: " + login + "\r\n", 202},
		"refused by a door": {"X-Amz-Target: x\r\n", 401},
	} {
		conn, in := dial(t, s.Host)
		write(t, conn, "POST /v2/"+path+"/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n"+c.headers+"Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
		if answer, body := readAnswer(t, in, "POST"); answer.StatusCode != c.status || !answer.Close {
			t.Errorf("%s: %d %s, closes: %t", name, answer.StatusCode, body, answer.Close)
		}
		if rest, _ := io.ReadAll(in); len(rest) > 0 {
			t.Errorf("%s: %s", name, rest)
		}
	}
	for _, method := range []string{"TRACE", "CONNECT", "POST", "OPTIONS", "PROPFIND"} {
		for _, at := range []string{"/v2/", "/v2/" + path + "/manifests/v1"} {
			if method == "CONNECT" {
				continue // net/http's client and server treat its target differently; the table of the door has no such method
			}
			conn, in := dial(t, s.Host)
			write(t, conn, method+" "+at+" HTTP/1.1\r\nHost: x\r\nAuthorization: "+login+"\r\nContent-Length: 0\r\n\r\n")
			answer, body := readAnswer(t, in, method)
			if answer.StatusCode != 405 || answer.Header.Get("Allow") == "" || strings.Contains(fmt.Sprint(answer.Header, body), login) {
				t.Errorf("%s %s: %d %v %s", method, at, answer.StatusCode, answer.Header, body)
			}
		}
	}
	// Every answer has a request id, also where there is nothing.
	for _, at := range []string{"/", "/nothing", "/v2/", "/v2/x", "/layers/x", "/healthz", "/readyz", "/metrics"} {
		r, err := http.Get(s.URL + at)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if len(r.Header.Get("X-Amzn-Requestid")) != 36 {
			t.Errorf("%s: %v", at, r.Header)
		}
	}
}

// H34: who may not, is told so before the body of 10 GB, with and without Expect.
func TestRefusedBeforeTheLayer(t *testing.T) {
	s := start(t)
	stranger := s.customer.Login(t, "us-east-1")
	for _, c := range []struct {
		authorization string
		status        int
	}{{"", 401}, {"Basic QVdTOng=", 401}, {stranger, 403}} {
		for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
			conn, in := dial(t, s.Host)
			write(t, conn, "POST /v2/"+path+"/blobs/uploads/?digest="+string(oci.FromBytes(nil))+" HTTP/1.1\r\nHost: x\r\nAuthorization: "+c.authorization+"\r\n"+expect+"Content-Length: 10737418240\r\n\r\n")
			if answer, body := readAnswer(t, in, "POST"); answer.StatusCode != c.status {
				t.Errorf("%d %s, want %d", answer.StatusCode, body, c.status)
			}
		}
	}
}

// H14: a body that never comes holds no connection, neither of one who is refused nor of one who may.
func TestBodiesThatNeverCome(t *testing.T) {
	s := start(t)
	login := s.vendor.Login(t, "us-east-1")
	f := s.Handler().(*front.Front)
	f.IdleBody = 200 * time.Millisecond
	for name, authorization := range map[string]string{"refused": "Basic QVdTOng=", "allowed": login} {
		t.Run(name, func(t *testing.T) {
			conn, in := dial(t, s.Host)
			write(t, conn, "POST /v2/"+path+"/blobs/uploads/?digest="+string(oci.FromBytes(nil))+" HTTP/1.1\r\nHost: x\r\nAuthorization: "+authorization+"\r\nContent-Length: 1000\r\n\r\nx")
			conn.SetReadDeadline(time.Now().Add(30 * time.Second)) //nolint:errcheck // the test would only last longer
			if _, err := io.ReadAll(in); err != nil && !errors.Is(err, net.ErrClosed) {
				var timeout net.Error
				if errors.As(err, &timeout) && timeout.Timeout() {
					t.Error("the connection is still open")
				}
			}
		})
	}
	// A connection that was idle between two requests is as good as new.
	conn, in := dial(t, s.Host)
	for range 3 {
		write(t, conn, "PUT /v2/"+path+"/manifests/x HTTP/1.1\r\nHost: x\r\nAuthorization: "+login+"\r\nContent-Length: 2\r\n\r\n{}")
		if answer, body := readAnswer(t, in, "PUT"); answer.StatusCode != 400 {
			t.Errorf("%d %s", answer.StatusCode, body)
		}
		time.Sleep(300 * time.Millisecond) // longer than IdleBody
	}
}

// H17: for strangers everything looks the same, whether it exists or not.
func TestStrangersLearnNothing(t *testing.T) {
	s := start(t)
	manifest, layer := s.image(t, path, "v1", []byte("secret layer"))
	r, _ := s.Do(t, s.vendor.Login(t, "us-east-1"), "POST", path+"/blobs/uploads/", nil)
	upload := strings.TrimPrefix(r.Header.Get("Location"), "/v2/"+path)
	none := string(oci.FromBytes([]byte("none")))
	nobody := s.vendor.User(t, "nobody", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`)
	callers := map[string]string{"anonymous": "", "another account": s.customer.Login(t, "us-east-1"), "without permission": nobody.Login(t, "us-east-1")}
	for who, login := range callers {
		for _, q := range []struct{ method, there, absent string }{
			{"GET", "/manifests/v1", "/manifests/v2"}, {"HEAD", "/manifests/v1", "/manifests/v2"}, {"GET", "/manifests/" + manifest, "/manifests/" + none},
			{"PUT", "/manifests/v1", "/manifests/v2"}, {"DELETE", "/manifests/v1", "/manifests/v2"},
			{"GET", "/blobs/" + layer, "/blobs/" + none}, {"HEAD", "/blobs/" + layer, "/blobs/" + none},
			{"GET", "/referrers/" + manifest, "/referrers/" + none}, {"GET", "/tags/list", "/tags/list"}, {"POST", "/blobs/uploads/", "/blobs/uploads/"},
			{"POST", "/blobs/uploads/?mount=" + layer + "&from=app", "/blobs/uploads/?mount=" + none + "&from=none"},
			{"GET", upload, "/blobs/uploads/00000000-0000-4000-8000-000000000000"}, {"PATCH", upload, "/blobs/uploads/00000000-0000-4000-8000-000000000000"},
			{"PUT", upload + "?digest=" + none, "/blobs/uploads/00000000-0000-4000-8000-000000000000?digest=" + none}, {"DELETE", upload, "/blobs/uploads/00000000-0000-4000-8000-000000000000"},
		} {
			seen := func(repository, rest string) string {
				r, body := s.Do(t, login, q.method, repository+rest, nil)
				if r.StatusCode != 401 && r.StatusCode != 403 {
					t.Errorf("%s: %s %s%s: %s", who, q.method, repository, rest, r.Status)
				}
				body = bytes.ReplaceAll(body, []byte(r.Header.Get("X-Amzn-Requestid")), nil)
				r.Header.Del("X-Amzn-Requestid")
				r.Header.Del("Date")
				r.Header.Del("Content-Length")
				return strings.ReplaceAll(fmt.Sprint(r.StatusCode, r.Header, string(body)), "repository/none", "repository/app")
			}
			there := seen(path, q.there)
			for _, other := range []string{seen(path, q.absent), seen(vendor+"/us-east-1/none", q.there)} {
				if other != there {
					t.Errorf("%s: %s %s: %s\n%s", who, q.method, q.there, there, other)
				}
			}
		}
		if r, _ := s.Do(t, login, "GET", vendor+"/us-east-1/_catalog", nil); r.StatusCode != 401 && r.StatusCode != 403 {
			t.Errorf("%s: catalog %s", who, r.Status)
		}
	}
}
