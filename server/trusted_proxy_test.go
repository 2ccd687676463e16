package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), s)
}

// H16: where a request comes from, over what and by which name is what the connection says; with trusted proxies it is what they say, of them, and as far as they can know.
func TestTrustedProxies(t *testing.T) {
	const region, vendor = "us-east-1", "111222333444"
	log := &lines{}
	trusting := berthtest.StartWith(t, server.Options{Log: slog.New(slog.NewTextHandler(log, nil))}, func(c *server.Config) {
		c.TrustedProxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	plain := berthtest.Start(t)
	policy := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":"ecr:ListImages","Resource":"*","Condition":{` + condition + `}}]}`
	}
	login := map[*berthtest.Server]map[string]string{}
	for _, s := range []*berthtest.Server{trusting, plain} {
		v := s.Account(t, vendor)
		if _, err := v.ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
			t.Fatal(err)
		}
		login[s] = map[string]string{
			"v4":    v.User(t, "v4", policy(`"IpAddress":{"aws:SourceIp":"203.0.113.7"}`)).Login(t, region),
			"v6":    v.User(t, "v6", policy(`"IpAddress":{"aws:SourceIp":"2001:db8::7"}`)).Login(t, region),
			"local": v.User(t, "local", policy(`"IpAddress":{"aws:SourceIp":"127.0.0.1"}`)).Login(t, region),
			"inner": v.User(t, "inner", policy(`"IpAddress":{"aws:SourceIp":"10.1.2.3"}`)).Login(t, region),
			"tls":   v.User(t, "tls", policy(`"Bool":{"aws:SecureTransport":"true"}`)).Login(t, region),
			"clear": v.User(t, "clear", policy(`"Bool":{"aws:SecureTransport":"false"}`)).Login(t, region),
		}
	}
	const forwarded, proto = "X-Forwarded-For: ", "X-Forwarded-Proto: "
	for _, c := range []struct {
		headers       []string
		sees, without string // who is let in, with trusted proxies and without
	}{
		{nil, "local", "local"},
		{[]string{forwarded + "203.0.113.7"}, "v4", "local"},
		{[]string{forwarded + "198.51.100.1, 203.0.113.7"}, "v4", "local"},           // what stands before the client is the client's own invention
		{[]string{forwarded + "203.0.113.7, 198.51.100.1"}, "", "local"},             // not trusted, so it is the client itself
		{[]string{forwarded + "198.51.100.1, 203.0.113.7, 10.1.2.3"}, "v4", "local"}, // two proxies
		{[]string{forwarded + "203.0.113.7", forwarded + "10.1.2.3"}, "v4", "local"}, // in two headers
		{[]string{forwarded + "203.0.113.7", forwarded + "198.51.100.1"}, "", "local"},
		{[]string{forwarded + "10.1.2.3"}, "inner", "local"}, // all of them trusted: the first
		{[]string{forwarded + " 203.0.113.7:4711 "}, "v4", "local"},
		{[]string{forwarded + "::ffff:203.0.113.7"}, "v4", "local"},
		{[]string{forwarded + "2001:db8::7"}, "v6", "local"},
		{[]string{forwarded + "[2001:db8::7]"}, "v6", "local"},
		{[]string{forwarded + "[2001:db8::7]:4711"}, "v6", "local"},
		{[]string{forwarded + "2001:db8::7%eth0"}, "v6", "local"},
		{[]string{forwarded + "2001:db8::7, fd00::1"}, "v6", "local"},
		{[]string{forwarded + "203.0.113.7, nonsense"}, "local", "local"}, // the proxy did not say; nobody else is asked
		{[]string{forwarded + "203.0.113.7,"}, "local", "local"},
		{[]string{forwarded + "unknown, 10.1.2.3"}, "inner", "local"},
		{[]string{forwarded + strings.Repeat("10.1.2.3,", 2000) + "203.0.113.7"}, "v4", "local"},
		{[]string{forwarded + "203.0.113.7," + strings.Repeat("10.1.2.3,", 2000) + "10.1.2.3"}, "v4", "local"},
		{[]string{"Forwarded: for=203.0.113.7", "X-Real-Ip: 203.0.113.7", "X-Client-Ip: 203.0.113.7"}, "local", "local"},
		{[]string{proto + "https"}, "tls", "clear"},
		{[]string{proto + "HTTPS"}, "tls", "clear"},
		{[]string{proto + "http"}, "clear", "clear"},
		{[]string{proto + "https, http"}, "clear", "clear"},
		{[]string{proto + "https", proto + "http"}, "clear", "clear"},
		{[]string{proto + "wss"}, "clear", "clear"},
	} {
		for s, want := range map[*berthtest.Server]string{trusting: c.sees, plain: c.without} {
			for who, authorization := range login[s] {
				req, err := http.NewRequest(http.MethodGet, s.URL+"/v2/"+vendor+"/"+region+"/app/tags/list", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", authorization)
				for _, h := range c.headers {
					name, value, _ := strings.Cut(h, ": ")
					req.Header[http.CanonicalHeaderKey(name)] = append(req.Header[http.CanonicalHeaderKey(name)], value)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				overTLS := len(c.headers) > 0 && strings.HasPrefix(c.headers[0], proto)
				if who == "tls" || who == "clear" {
					if !overTLS {
						continue
					}
				} else if overTLS {
					continue
				}
				if let := resp.StatusCode == 200; let != (who == want) || resp.StatusCode != 200 && resp.StatusCode != 403 {
					t.Errorf("%.80q, trusted %v: %s gets %s", c.headers, s == trusting, who, resp.Status)
				}
			}
		}
	}
	if !log.has("sourceIp=203.0.113.7") || !log.has("sourceIp=2001:db8::7") {
		t.Error("the access log does not show the clients")
	}

	// The client signs for the name that it knows; the proxy asks by another, and says which it was. The URLs that the client is given are those that it knows.
	key := trusting.Root(t)
	endpoint := func(s *berthtest.Server, c *berthtest.Caller, forwardedHost string) (status int, url string) {
		req, err := http.NewRequest(http.MethodPost, s.URL+"/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "registry.example:8443"
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
		sum := sha256.Sum256([]byte("{}"))
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: c.Key, SecretAccessKey: c.Secret}, req, hex.EncodeToString(sum[:]), "ecr", region, time.Now()); err != nil {
			t.Fatal(err)
		}
		req.Host = s.Host
		req.Header.Set("X-Forwarded-Host", forwardedHost)
		req.Header.Set("X-Forwarded-Proto", "https")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			AuthorizationData []struct{ ProxyEndpoint string }
		}
		if json.Unmarshal(text, &out) == nil && len(out.AuthorizationData) == 1 {
			url = out.AuthorizationData[0].ProxyEndpoint
		}
		return resp.StatusCode, url
	}
	if status, url := endpoint(trusting, key, "registry.example:8443"); status != 200 || !strings.HasPrefix(url, "https://registry.example:8443/") {
		t.Errorf("through the proxy: %d %s", status, url)
	}
	for _, host := range []string{"other.example", "registry.example:8443/evil", "registry.example:8443, other.example", ""} {
		if status, _ := endpoint(trusting, key, host); status == 200 {
			t.Errorf("signed for another host than %q, and accepted", host)
		}
	}
	if status, _ := endpoint(plain, plain.Root(t), "registry.example:8443"); status == 200 {
		t.Error("the word of a proxy that is not trusted was taken")
	}

	c := plain.Config
	c.TrustedProxy = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--trusted-proxy") {
		t.Errorf("everybody as trusted proxy: %v", err)
	}
}
