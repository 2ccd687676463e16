package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/berth-registry/berth/fault"
)

const (
	akid   = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var at = time.Date(2026, 1, 1, 0, 10, 0, 0, time.UTC)

func everyRegion(string) bool { return true }

// call is a request before it is signed.
type call struct {
	method, target, body, token, service string
	header                               http.Header
	presign                              bool
}

// fataler is what testing and rapid have in common.
type fataler interface{ Fatal(...any) }

// send signs c with the SDK's own signer and gives back what a server reads from the wire.
func (c call) send(t fataler) *http.Request {
	r, err := http.NewRequest(c.method, "http://api.ecr.us-east-1.amazonaws.com"+c.target, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.service == "" {
		c.service = "ecr"
	}
	sum := sha256.Sum256([]byte(c.body))
	payload, credentials := hex.EncodeToString(sum[:]), aws.Credentials{AccessKeyID: akid, SecretAccessKey: secret, SessionToken: c.token}
	options := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = c.service == "s3" }
	if c.presign {
		if c.service == "s3" {
			payload = unsignedPayload
		}
		signed, headers, err := v4.NewSigner().PresignHTTP(context.Background(), credentials, r, payload, c.service, "us-east-1", at, options)
		if err != nil {
			t.Fatal(err)
		}
		r, err = http.NewRequest(c.method, signed, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range headers {
			r.Header[name] = values
		}
	} else if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, payload, c.service, "us-east-1", at, options); err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// verify goes through all steps as a server does.
func verify(r *http.Request, body, secret string) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	service := "ecr"
	if s.Service == "s3" || s.Service == "service" {
		service = s.Service
	}
	if err := s.CheckScope(everyRegion, service, at); err != nil {
		return err
	}
	if s.AccessKeyID != akid { // the id itself is not signed: it finds the secret
		secret = ""
	}
	return s.Verify(r, NewKeys(4), secret, sha256.Sum256([]byte(body)))
}

// corpus is what the SDK's signer is asked to sign: H67 and the calls that berth really gets.
func corpus() map[string]call {
	json := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"}}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	return map[string]call{
		"json":                {method: "POST", target: "/", body: "{}", header: json},
		"json with token":     {method: "POST", target: "/", body: `{"maxResults":5}`, header: json, token: "session/token+with=signs"},
		"form":                {method: "POST", target: "/", body: "Action=GetCallerIdentity&Version=2011-06-15", header: form},
		"get query":           {method: "GET", target: "/?Action=GetCallerIdentity&Version=2011-06-15"},
		"no path":             {method: "GET", target: ""},
		"double slash":        {method: "GET", target: "/a//b"},
		"dots":                {method: "GET", target: "/a/./b/../c"},
		"encoded slash":       {method: "GET", target: "/a%2Fb%2fc"},
		"plus and tilde":      {method: "GET", target: "/a+b~c"},
		"space":               {method: "GET", target: "/a%20b"},
		"unicode NFC":         {method: "GET", target: "/caf%C3%A9"},
		"unicode NFD":         {method: "GET", target: "/cafe%CC%81"},
		"reserved":            {method: "GET", target: "/a!b$c&d'e(f)*g,h;i=j:k@l"},
		"empty value":         {method: "GET", target: "/?a=&b&c=1"},
		"repeated keys":       {method: "GET", target: "/?b=2&a=3&b=1&a=%2F&a=-"},
		"keys sorted encoded": {method: "GET", target: "/?a=1&%C3%A9=2&A=3&~=4&_=5"},
		"query with plus":     {method: "GET", target: "/?a=b+c&d=e%2Bf&g=%7E"},
		"query unicode":       {method: "GET", target: "/?name=%E6%97%A5%E6%9C%AC"},
		"inner spaces":        {method: "GET", target: "/", header: http.Header{"X-Amz-Note": {"a   b    c"}, "X-Other": {"x  y"}}},
		"repeated header":     {method: "GET", target: "/", header: http.Header{"X-Amz-Note": {"b", "a"}, "X-Amz-More": {""}}},
		"content hash":        {method: "POST", target: "/", body: "abc", header: http.Header{"X-Amz-Content-Sha256": {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}},
		"presigned":           {method: "GET", target: "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", presign: true},
		"presigned no life":   {method: "GET", target: "/?Action=GetCallerIdentity&Version=2011-06-15", presign: true},
		"presigned token":     {method: "GET", target: "/?X-Amz-Expires=604800", presign: true, token: "a/b+c=="},
		"presigned header":    {method: "GET", target: "/?X-Amz-Expires=60", presign: true, header: http.Header{"X-K8s-Aws-Id": {"cluster"}}},
		"presigned body":      {method: "POST", target: "/?X-Amz-Expires=60", presign: true, body: "a=b", header: form},
		"s3 path":             {method: "GET", target: "/a%20b//c%2Bd", service: "s3"},
		"s3 presigned":        {method: "GET", target: "/blob%20x?X-Amz-Expires=3600", service: "s3", presign: true},
	}
}

// API-12, API-13, H67: whatever the SDK signs verifies, and not with another secret.
func TestVerifyAgreesWithSDK(t *testing.T) {
	for name, c := range corpus() {
		t.Run(name, func(t *testing.T) {
			r := c.send(t)
			if err := verify(r, c.body, secret); err != nil {
				t.Fatalf("%s %s: %v", r.Method, r.URL, err)
			}
			for _, other := range []string{"", secret + "x", dummy} {
				if err := verify(r, c.body, other); !fault.Is(err, fault.SignatureMismatch) {
					t.Errorf("secret %q: %v", other, err)
				}
			}
			if s, _ := Parse(r); s.AccessKeyID != akid || s.SecurityToken != c.token || s.Presigned != c.presign || !s.Time.Equal(at) {
				t.Errorf("parsed %+v", s)
			}
		})
	}
}

// The published vector get-vanilla of the aws-sig-v4-test-suite: an oracle that is not the SDK.
func TestVerifyVanillaVector(t *testing.T) {
	header := func(comma string) *http.Request {
		r, _ := http.NewRequest("GET", "http://example.amazonaws.com/", nil)
		r.Header.Set("X-Amz-Date", "20150830T123600Z")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"+comma+
			"SignedHeaders=host;x-amz-date"+comma+"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
		return r
	}
	for _, comma := range []string{",", ", ", ",   "} { // API-12
		r := header(comma)
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(r, NewKeys(2), "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sha256.Sum256(nil)); err != nil {
			t.Errorf("comma %q: %v", comma, err)
		}
	}
}

// An attacker who signs with the secret that stands in for unknown keys gets nowhere (H68).
func TestUnknownKeyNeverVerifies(t *testing.T) {
	r, _ := http.NewRequest("GET", "http://h/", nil)
	for _, guess := range []string{dummy, ""} {
		if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: akid, SecretAccessKey: guess}, r,
			"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "ecr", "us-east-1", at); err != nil {
			t.Fatal(err)
		}
		r.Host = "h"
		if err := verify(r, "", ""); !fault.Is(err, fault.SignatureMismatch) {
			t.Errorf("signed with %q, no secret known: %v", guess, err)
		}
	}
}

// What is refused before a signature is computed, with its words.
func TestParseRefuses(t *testing.T) {
	const scope = akid + "/20260101/us-east-1/ecr/aws4_request"
	hex64 := strings.Repeat("a", 64)
	good := "AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=" + hex64
	query := func(skip string, more ...string) string {
		v := url.Values{"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {scope}, "X-Amz-Date": {"20260101T001000Z"}, "X-Amz-Expires": {"60"},
			"X-Amz-SignedHeaders": {"host"}, "X-Amz-Signature": {hex64}}
		v.Del(skip)
		for i := 0; i < len(more); i += 2 {
			v.Add(more[i], more[i+1])
		}
		return v.Encode()
	}
	all := "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " +
		"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
	for _, c := range []struct {
		name, query string
		header      http.Header
		code        fault.Code
		message     string
	}{
		{"API-16 nothing", "", nil, fault.MissingCredentials, "Missing Authentication Token"},
		{"API-16 other query", "Action=X", nil, fault.MissingCredentials, "Missing Authentication Token"},
		{"API-17 empty", "", http.Header{"Authorization": {"AWS4-HMAC-SHA256 "}}, fault.MalformedSignature, all},
		{"API-17 bare", "", http.Header{"Authorization": {"AWS4-HMAC-SHA256"}}, fault.MalformedSignature, all},
		{"API-17 no signature", "", http.Header{"Authorization": {strings.Replace(good, "Signature="+hex64, "Signature=", 1)}, "X-Amz-Date": {"20260101T001000Z"}},
			fault.MalformedSignature, "Authorization header requires 'Signature' parameter."},
		{"API-17 no date", "", http.Header{"Authorization": {good}}, fault.MalformedSignature, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"API-17 date", "", http.Header{"Authorization": {good}, "X-Amz-Date": {"yesterday"}}, fault.MalformedSignature,
			"Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"date with fraction", "", http.Header{"Authorization": {good}, "X-Amz-Date": {"20260101T001000.5Z"}}, fault.MalformedSignature,
			"Date must be in ISO-8601 'basic format'. Got '20260101T001000.5Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"junk field", "", http.Header{"Authorization": {good + ", junk"}}, fault.MalformedSignature, "'junk' is not a valid key=value pair in Authorization header."},
		{"field twice", "", http.Header{"Authorization": {good + ", Signature=" + hex64}}, fault.MalformedSignature, "Authorization header has 'Signature' twice."},
		{"short credential", "", http.Header{"Authorization": {strings.Replace(good, "/ecr/", "/", 1)}, "X-Amz-Date": {"20260101T001000Z"}}, fault.MalformedSignature,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + strings.Replace(scope, "/ecr/", "/", 1) + "'."},
		{"terminator", "", http.Header{"Authorization": {strings.Replace(good, "aws4_request", "aws3_request", 1)}, "X-Amz-Date": {"20260101T001000Z"}}, fault.SignatureMismatch,
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3_request'."},
		{"unsorted", "", http.Header{"Authorization": {strings.Replace(good, "host;x-amz-date", "x-amz-date;host", 1)}, "X-Amz-Date": {"20260101T001000Z"}}, fault.MalformedSignature,
			"SignedHeaders must be lower-case header names, sorted and separated by ';'."},
		{"H62 two headers", "", http.Header{"Authorization": {good, good}}, fault.MalformedSignature, "Only one Authorization header is allowed."},
		{"H62 header and query", query(""), http.Header{"Authorization": {good}}, fault.MalformedSignature,
			"Only one auth mechanism is allowed: either the Authorization header or the X-Amz-Signature query parameter."},
		{"H62 header and hidden query", "X%2DAmz%2DSignature=00", http.Header{"Authorization": {good}}, fault.MalformedSignature,
			"Only one auth mechanism is allowed: either the Authorization header or the X-Amz-Signature query parameter."},
		{"H62 SigV4A", "", http.Header{"Authorization": {"AWS4-ECDSA-P256-SHA256 Credential=x"}}, fault.MalformedSignature, "Unsupported authorization scheme, use AWS4-HMAC-SHA256."},
		{"H62 SigV2 header", "", http.Header{"Authorization": {"AWS " + akid + ":c2ln"}}, fault.MalformedSignature, "Unsupported authorization scheme, use AWS4-HMAC-SHA256."},
		{"H62 SigV2 query", "AWSAccessKeyId=" + akid + "&Signature=x", nil, fault.MalformedSignature, "Signature version 2 is not supported, use AWS4-HMAC-SHA256."},
		{"basic", "", http.Header{"Authorization": {"Basic QVdTOnNlY3JldA=="}}, fault.MalformedSignature, "Unsupported authorization scheme, use AWS4-HMAC-SHA256."},
		{"two tokens", "", http.Header{"Authorization": {good}, "X-Amz-Date": {"20260101T001000Z"}, "X-Amz-Security-Token": {"a", "b"}}, fault.MalformedSignature,
			"X-Amz-Date and X-Amz-Security-Token are allowed only once."},
		{"API-17 query", query("X-Amz-Credential"), nil, fault.MalformedSignature, "AWS query-string parameters must include 'X-Amz-Credential'. Re-examine the query-string parameters."},
		{"query twice", query("", "X-Amz-Credential", "x"), nil, fault.MalformedSignature, "AWS query-string parameters must include 'X-Amz-Credential' once. Re-examine the query-string parameters."},
		{"query unreadable", "X-Amz-Signature=%zz", nil, fault.MalformedSignature, "The query string cannot be read."},
		{"query SigV4A", query("X-Amz-Algorithm", "X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"), nil, fault.MalformedSignature, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256".`},
		{"query and header token", query(""), http.Header{"X-Amz-Security-Token": {"t"}}, fault.MalformedSignature, "X-Amz-Security-Token is allowed only in the query of a presigned request."},
		{"life not a number", query("X-Amz-Expires", "X-Amz-Expires", "soon"), nil, fault.MalformedSignature, "X-Amz-Expires should be a number."},
		{"empty life", query("X-Amz-Expires", "X-Amz-Expires", ""), nil, fault.MalformedSignature, "X-Amz-Expires should be a number."},
		{"H66 eight days", query("X-Amz-Expires", "X-Amz-Expires", "691200"), nil, fault.SignatureMismatch, "X-Amz-Expires must be between 1 and 604800 seconds."},
		{"no life", query("X-Amz-Expires", "X-Amz-Expires", "0"), nil, fault.SignatureMismatch, "X-Amz-Expires must be between 1 and 604800 seconds."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Method: "GET", Host: "h", URL: &url.URL{Path: "/", RawQuery: c.query}, Header: c.header}
			if _, err := Parse(r); !fault.Is(err, c.code) || fault.As(err).Message != c.message {
				t.Errorf("got %v\nwant %s: %s", err, c.code, c.message)
			}
		})
	}
}

// API-19, API-20, API-22: the texts and their order.
func TestCheckScope(t *testing.T) {
	signed := func(change func(*Signature)) *Signature {
		s := &Signature{Date: "20260101", Region: "us-east-1", Service: "ecr", Time: at, date: at.Format(timeFormat)}
		change(s)
		return s
	}
	for _, c := range []struct {
		name    string
		now     time.Time
		change  func(*Signature)
		message string
	}{
		{"good", at, func(*Signature) {}, ""},
		{"5 min. old", at.Add(5 * time.Minute), func(*Signature) {}, ""},
		{"5 min. early", at.Add(-5 * time.Minute), func(*Signature) {}, ""},
		{"region", at, func(s *Signature) { s.Region = "mars-1" }, "Credential should be scoped to a valid region. "},
		{"service", at, func(s *Signature) { s.Service = "sts" }, "Credential should be scoped to correct service: 'ecr'. "},
		{"both, and old", at.Add(time.Hour), func(s *Signature) { s.Region, s.Service = "mars-1", "sts" },
			"Credential should be scoped to a valid region. Credential should be scoped to correct service: 'ecr'. "},
		{"too old", at.Add(10 * time.Minute), func(*Signature) {}, "Signature expired: 20260101T001000Z is now earlier than 20260101T001500Z (20260101T002000Z - 5 min.)"},
		{"too new", at.Add(-10 * time.Minute), func(*Signature) {}, "Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z (20260101T000000Z + 5 min.)"},
		{"H64 other day", at, func(s *Signature) { s.Date = "20251231" },
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20251231' != '20260101', from '20260101T001000Z'."},
		{"presigned alive", at.Add(time.Hour), func(s *Signature) { s.Presigned, s.Expires = true, time.Hour }, ""},
		{"presigned over", at.Add(91 * time.Second), func(s *Signature) { s.Presigned, s.Expires = true, 90*time.Second },
			"Signature expired: 20260101T001000Z is now earlier than 20260101T001001Z (20260101T001131Z - 90 sec.)"},
		{"presigned early", at.Add(-time.Hour), func(s *Signature) { s.Presigned, s.Expires = true, time.Hour },
			"Signature not yet current: 20260101T001000Z is still later than 20251231T231500Z (20251231T231000Z + 5 min.)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := signed(c.change).CheckScope(func(r string) bool { return r == "us-east-1" }, "ecr", c.now)
			if c.message == "" && err == nil {
				return
			}
			if !fault.Is(err, fault.SignatureMismatch) || fault.As(err).Message != c.message {
				t.Errorf("got %v\nwant %q", err, c.message)
			}
		})
	}
}

// H61, H63: what must be signed, and what may not be said of the payload.
func TestVerifyRefuses(t *testing.T) {
	base := call{method: "POST", target: "/", body: "{}", header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"A.B"}}}
	for _, c := range []struct {
		name    string
		change  func(*http.Request)
		message string
	}{
		{"H61 unsigned target", func(r *http.Request) {
			r.Header["Authorization"][0] = strings.Replace(r.Header.Get("Authorization"), ";x-amz-target", "", 1)
		},
			"'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
		{"H61 unsigned host", func(r *http.Request) {
			r.Header["Authorization"][0] = strings.Replace(r.Header.Get("Authorization"), "host;", "", 1)
		},
			"'Host' must be a 'SignedHeader' in the AWS Authorization."},
		{"H61 unsigned content type", func(r *http.Request) {
			r.Header["Authorization"][0] = strings.Replace(r.Header.Get("Authorization"), "content-type;", "", 1)
		},
			"'Content-Type' must be a 'SignedHeader' in the AWS Authorization."},
		{"H61 added token", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."},
		{"signed header gone", func(r *http.Request) { r.Header.Del("X-Amz-Target") }, mismatch},
		{"API-18 wrong signature", func(r *http.Request) { r.Header["Authorization"][0] += "0" }, mismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := base.send(t)
			c.change(r)
			if err := verify(r, base.body, secret); !fault.Is(err, fault.SignatureMismatch) || fault.As(err).Message != c.message {
				t.Errorf("got %v\nwant %s", err, c.message)
			}
		})
	}
	other := sha256.Sum256([]byte("other"))
	for _, said := range []string{unsignedPayload, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", hex.EncodeToString(other[:])} { // H63
		c := base
		c.header = base.header.Clone()
		c.header.Set("X-Amz-Content-Sha256", said)
		if err := verify(c.send(t), c.body, secret); !fault.Is(err, fault.SignatureMismatch) || !strings.Contains(err.Error(), "x-amz-content-sha256") {
			t.Errorf("x-amz-content-sha256 %q: %v", said, err)
		}
	}
}

// The Date header stands in for X-Amz-Date (H64).
func TestDateHeader(t *testing.T) {
	r := call{method: "POST", target: "/", body: "{}"}.send(t)
	r.Header.Del("X-Amz-Date")
	for _, date := range []string{"20260101T001000Z", "Thu, 01 Jan 2026 00:10:00 GMT"} {
		r.Header.Set("Date", date)
		if s, err := Parse(r); err != nil || !s.Time.Equal(at) || s.date != "20260101T001000Z" {
			t.Errorf("Date %q: %+v, %v", date, s, err)
		}
	}
	r.Header.Set("X-Amz-Date", "20260101T001100Z")
	if s, err := Parse(r); err != nil || s.date != "20260101T001100Z" {
		t.Errorf("X-Amz-Date must win over Date: %+v, %v", s, err)
	}
}

// A key belongs to a secret: the same key id with another secret must not find the old key. The cache stays bounded.
func TestKeysBelongToSecrets(t *testing.T) {
	r, k := call{method: "POST", target: "/", body: "{}"}.send(t), NewKeys(8)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	payload := sha256.Sum256([]byte("{}"))
	for i := range 100 {
		if err := s.Verify(r, k, fmt.Sprint("rotated", i), payload); err == nil {
			t.Fatal("verified with a secret that did not sign")
		}
		if err := s.Verify(r, k, secret, payload); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(k.young) + len(k.old); n > 8 {
		t.Errorf("%d keys in a cache of 8", n)
	}
}

// The HMAC on our own buffers is crypto/hmac's.
func TestScratchMAC(t *testing.T) {
	for n := range 300 {
		b, text := new(scratch), bytes.Repeat([]byte{byte(n)}, n)
		key := sha256.Sum256(text)
		b.text = append(make([]byte, sha256.BlockSize), text...)
		h := hmac.New(sha256.New, key[:])
		h.Write(text)
		if got := b.mac(&key); !hmac.Equal(got[:], h.Sum(nil)) {
			t.Fatalf("%d bytes: differs from crypto/hmac", n)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	c := corpus()["json with token"]
	r, k, payload := c.send(b), NewKeys(16), sha256.Sum256([]byte(c.body))
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(r, k, secret, payload); err != nil {
			b.Fatal(err)
		}
	}
}
