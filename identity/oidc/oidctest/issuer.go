// Package oidctest runs an identity provider inside a test: it signs tokens with its own keys and shows them, over TLS with its own certificate, as every OpenID
// Connect provider does.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is a running provider.
type Issuer struct {
	// URL is what its tokens have as "iss".
	URL string
	// CAFile holds the certificate authority that clients must trust.
	CAFile string

	mu       sync.Mutex
	keys     []Key
	made     int
	requests int
	override http.HandlerFunc
}

// Key is one of the provider's keys.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Signer    crypto.Signer
}

// Start runs a provider until the test ends. path is that of its issuer, "" for none: "/id/CLUSTER". It has one key, of RS256.
func Start(t testing.TB, path string) *Issuer {
	t.Helper()
	i := &Issuer{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	i.URL = server.URL + path
	i.CAFile = filepath.Join(t.TempDir(), "issuer-ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(i.CAFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	i.Rotate(t, jose.RS256)
	return i
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests++
	override := i.override
	i.mu.Unlock()
	if override != nil {
		override(w, r)
		return
	}
	i.Serve(w, r)
}

// Serve answers as a provider that behaves well.
func (i *Issuer) Serve(w http.ResponseWriter, r *http.Request) {
	path := i.URL[strings.Index(i.URL[len("https://"):]+"/", "/")+len("https://"):]
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case strings.TrimSuffix(path, "/") + "/.well-known/openid-configuration":
		document, _ := json.Marshal(map[string]any{"issuer": i.URL, "jwks_uri": strings.TrimSuffix(i.URL, "/") + "/keys", "response_types_supported": []string{"id_token"}})
		w.Write(document) //nolint:errcheck // the client sees it
	case strings.TrimSuffix(path, "/") + "/keys":
		w.Write(i.KeySet()) //nolint:errcheck // likewise
	default:
		http.NotFound(w, r)
	}
}

// Override makes the provider answer otherwise; nil ends that.
func (i *Issuer) Override(f http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.override = f
}

// Requests is how many requests have come so far.
func (i *Issuer) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

// Rotate makes a new key for each algorithm; the keys before are shown no more.
func (i *Issuer) Rotate(t testing.TB, algorithms ...jose.SignatureAlgorithm) {
	t.Helper()
	var keys []Key
	for _, algorithm := range algorithms {
		i.made++
		keys = append(keys, Key{"key-" + strconv.Itoa(i.made), algorithm, NewKey(t, algorithm)})
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// NewKey makes a key that signs by the algorithm.
func NewKey(t testing.TB, algorithm jose.SignatureAlgorithm) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES512:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Keys are the keys that the provider has.
func (i *Issuer) Keys() []Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys
}

// KeySet is what the provider shows of its keys.
func (i *Issuer) KeySet() []byte {
	var set jose.JSONWebKeySet
	for _, k := range i.Keys() {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Signer.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		panic(err) // only of public keys
	}
	return text
}

// Token signs claims with the provider's first key. What the claims do not say is iss, the provider; sub, "somebody"; aud, "sts.amazonaws.com"; and iat, nbf and
// exp for five minutes from at. A claim that is nil is left out.
func (i *Issuer) Token(t testing.TB, at time.Time, claims map[string]any) string {
	t.Helper()
	return i.Sign(t, i.Keys()[0], at, claims, nil)
}

// Sign is Token with a key and with more in the token's header.
func (i *Issuer) Sign(t testing.TB, key Key, at time.Time, claims map[string]any, header map[jose.HeaderKey]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		o = o.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.Algorithm, Key: jose.JSONWebKey{Key: key.Signer, KeyID: key.ID}}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(i.Payload(t, at, claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Payload is what Token signs.
func (i *Issuer) Payload(t testing.TB, at time.Time, claims map[string]any) []byte {
	t.Helper()
	all := map[string]any{
		"iss": i.URL, "sub": "somebody", "aud": "sts.amazonaws.com", "iat": at.Unix(), "nbf": at.Unix(), "exp": at.Add(5 * time.Minute).Unix(),
	}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// GitHub are the claims that a token of a job in GitHub Actions has beside those of every token.
func GitHub(repository, ref string) map[string]any {
	owner, _, _ := strings.Cut(repository, "/")
	return map[string]any{
		"sub": "repo:" + repository + ":ref:" + ref, "jti": "example-id", "repository": repository, "repository_owner": owner, "repository_id": "74", "ref": ref,
		"ref_type": "branch", "actor": "octocat", "actor_id": "12", "workflow": "build", "event_name": "push", "run_attempt": "1",
		"job_workflow_ref": repository + "/.github/workflows/build.yml@" + ref, "runner_environment": "github-hosted",
	}
}

// Kubernetes are the claims that the token of a service account has.
func Kubernetes(namespace, account string) map[string]any {
	return map[string]any{
		"sub": "system:serviceaccount:" + namespace + ":" + account, "aud": []string{"sts.amazonaws.com"},
		"kubernetes.io": map[string]any{"namespace": namespace, "pod": map[string]string{"name": "build-0", "uid": "1"}, "serviceaccount": map[string]string{"name": account, "uid": "2"}},
	}
}
