package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/server"
)

// serveTLS runs a server until the test ends and returns its address.
func serveTLS(t *testing.T, c server.Config) string {
	t.Helper()
	s, err := server.Open(t.Context(), c, server.Options{})
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
	url := listeners.URLs()[0]
	if !strings.HasPrefix(url, "https://") {
		t.Fatalf("the server says that it is at %s", url)
	}
	return strings.TrimPrefix(url, "https://")
}

// presented makes a handshake as a client that trusts only the authority, and returns the certificate.
func presented(t *testing.T, addr, name, ca string) (*x509.Certificate, error) {
	t.Helper()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, ServerName: name})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// --tls-self-signed serves every name of the registries and the endpoints, with a certificate that a client verifies who trusts the authority.
func TestSelfSignedCoversTheNames(t *testing.T) {
	c := config(t.TempDir())
	c.Domain, c.TLSSelfSigned = "registry.example", true
	addr := serveTLS(t, c)
	for _, name := range []string{
		"111222333444.dkr.ecr.us-east-2.registry.example", "999888777666.dkr.ecr.us-west-2.registry.example", "111222333444.dkr-ecr.us-east-2.on.registry.example",
		"111222333444.dkr.ecr-fips.us-east-1.registry.example", "api.ecr.us-east-1.registry.example", "sts.us-east-2.registry.example", "iam.registry.example", "localhost", "127.0.0.1",
	} {
		cert, err := presented(t, addr, name, c.CAFile())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if cert.NotAfter.After(time.Now().AddDate(0, 0, 398)) {
			t.Errorf("the certificate is valid until %s, longer than clients accept", cert.NotAfter)
		}
	}
	for _, name := range []string{"111222333444.dkr.ecr.eu-central-1.registry.example", "registry.example.com", "111222333444.dkr.ecr.us-east-2.amazonaws.com"} {
		if _, err := presented(t, addr, name, c.CAFile()); err == nil {
			t.Errorf("the certificate covers %s", name)
		}
	}
	for _, key := range []string{"ca.key", "server.key"} {
		if m := mode(t, filepath.Join(c.Data, "tls", key)); m != 0o600 {
			t.Errorf("%s has mode %o", key, m)
		}
	}
	resp, err := http.Get("http://" + addr + "/healthz")
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Error("the TLS listener answers plain HTTP")
		}
	}
}

// The authority is made once: clients that trust it go on doing so when the server's certificate is made again for other names.
func TestSelfSignedKeepsItsAuthority(t *testing.T) {
	c := config(t.TempDir())
	c.Domain, c.TLSSelfSigned = "first.example", true
	handshake := func(name string) *x509.Certificate {
		s, err := server.Open(t.Context(), c, server.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		listeners, err := s.Listen()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, listeners) }()
		defer func() { cancel(); <-served }()
		cert, err := presented(t, strings.TrimPrefix(listeners.URLs()[0], "https://"), name, c.CAFile())
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	one := handshake("iam.first.example")
	ca, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	if again := handshake("iam.first.example"); !again.Equal(one) {
		t.Error("a restart made another certificate for the same names")
	}
	if err := os.WriteFile(filepath.Join(c.Data, "tls", "server.key"), nil, 0o600); err != nil { // as a crash in its writing left it
		t.Fatal(err)
	}
	if mended := handshake("iam.first.example"); mended.Equal(one) {
		t.Error("the certificate is the same whose key is gone")
	}
	c.Domain = "second.example"
	if other := handshake("iam.second.example"); other.Equal(one) {
		t.Error("the certificate is the same for another domain")
	}
	if now, err := os.ReadFile(c.CAFile()); err != nil || string(now) != string(ca) {
		t.Errorf("the authority changed: %v", err)
	}
}

// F33: a certificate that is renewed is served without a restart, and one that is half written or broken leaves the old one in use.
func TestCertificatesAreReadAgain(t *testing.T) {
	from := func(domain string) (cert, key, ca string) {
		c := config(t.TempDir())
		c.Domain, c.TLSSelfSigned = domain, true
		serveTLS(t, c)
		dir := filepath.Join(c.Data, "tls")
		return filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), filepath.Join(dir, "ca.pem")
	}
	oldCert, oldKey, oldCA := from("old.example")
	newCert, newKey, newCA := from("new.example")
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	when := time.Now().Add(-time.Hour)
	put := func(to, from string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
		when = when.Add(time.Minute) // a change is seen whatever the resolution of the file system's clock
		if err := os.Chtimes(to, when, when); err != nil {
			t.Fatal(err)
		}
	}
	put(cert, oldCert)
	put(key, oldKey)
	c := config(t.TempDir())
	c.TLSCert, c.TLSKey = cert, key
	addr := serveTLS(t, c)
	if _, err := presented(t, addr, "iam.old.example", oldCA); err != nil {
		t.Fatal(err)
	}
	put(cert, newCert) // the pair does not fit together now
	time.Sleep(1100 * time.Millisecond)
	if _, err := presented(t, addr, "iam.old.example", oldCA); err != nil {
		t.Errorf("with half of the new pair: %v", err)
	}
	put(key, newKey)
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := presented(t, addr, "iam.new.example", newCA)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the new certificate is not served: %v", err)
		}
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	if _, err := presented(t, addr, "iam.new.example", newCA); err != nil {
		t.Errorf("without the file: %v", err)
	}
}

func TestCertificateThatCannotBeRead(t *testing.T) {
	c := config(t.TempDir())
	c.TLSCert, c.TLSKey = filepath.Join(c.Data, "absent.pem"), filepath.Join(c.Data, "absent.key")
	s, err := server.Open(t.Context(), c, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Listen(); err == nil || !strings.Contains(err.Error(), "absent.pem") {
		t.Errorf("it listens: %v", err)
	}
}
