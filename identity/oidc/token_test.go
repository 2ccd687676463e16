package oidc_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/oidc"
	"github.com/berth-registry/berth/identity/oidc/oidctest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

var clients = []string{"sts.amazonaws.com", "another"}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// site is a provider and a verifier that may ask it.
type site struct {
	*testing.T
	*oidctest.Issuer
	clock    *clock
	verifier *oidc.Verifier
}

func start(t *testing.T) *site {
	s := &site{T: t, Issuer: oidctest.Start(t, "/id/1"), clock: &clock{t: time.Now().Truncate(time.Second)}}
	s.verifier = s.open(oidc.Options{CAFile: s.CAFile, Allow: loopback})
	return s
}

func (s *site) open(o oidc.Options) *oidc.Verifier {
	s.Helper()
	o.Now = s.clock.now
	v, err := oidc.New(o)
	if err != nil {
		s.Fatal(err)
	}
	return v
}

func (s *site) token(claims map[string]any) string {
	s.Helper()
	return s.Token(s.T, s.clock.now(), claims)
}

func (s *site) verify(text string) error { return verify(s.T, s.verifier, text) }

func verify(t *testing.T, v *oidc.Verifier, text string) error {
	token, err := oidc.Parse(text)
	if err != nil {
		return err
	}
	return v.Verify(t.Context(), token, clients)
}

// refused asserts that err is a fault with code whose message has text in it.
func (s *site) refused(err error, code fault.Code, text string) {
	s.Helper()
	f := fault.As(err)
	if f == nil || f.Code != code || !strings.Contains(f.Message, text) {
		s.Errorf("got %v, want %s with %q", err, code, text)
	}
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Error(err)
	}
}

const noKey = "Couldn't retrieve verification key from your identity provider,  please reference"

// STS-10: a token of each way of signing is good, and says what it says.
func TestGoodTokens_STS10(t *testing.T) {
	s := start(t)
	all := []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
	s.Rotate(t, all...)
	for _, key := range s.Keys() {
		s.ok(s.verify(s.Sign(t, key, s.clock.now(), nil, nil)))
	}
	token, err := oidc.Parse(s.token(oidctest.GitHub("octo-org/octo-repo", "refs/heads/main")))
	s.ok(err)
	s.ok(s.verifier.Verify(t.Context(), token, clients))
	claims := map[string][]string{}
	for name, values := range token.Claims() {
		claims[name] = values
	}
	if token.Issuer != s.URL || token.Subject != "repo:octo-org/octo-repo:ref:refs/heads/main" || token.Audience != "sts.amazonaws.com" || claims["repository"][0] != "octo-org/octo-repo" || claims["exp"] != nil {
		t.Errorf("%+v %v", token, claims)
	}
	token, err = oidc.Parse(s.token(oidctest.Kubernetes("build", "default")))
	s.ok(err)
	s.ok(s.verifier.Verify(t.Context(), token, clients))
	if token.Subject != "system:serviceaccount:build:default" || !token.IsList("aud") || token.IsList("sub") {
		t.Errorf("%+v", token)
	}
	if s.Requests() != 2 {
		t.Errorf("the provider was asked %d times, for two documents", s.Requests())
	}
	s.ok(s.verify(s.token(nil))) // a token may be shown again, as long as it is good
}

// STS-10, H70: what a token must have, for whom it must be, and when it is good.
func TestClaims_STS10_H70(t *testing.T) {
	s := start(t)
	now := s.clock.now()
	for name, c := range map[string]struct {
		claims map[string]any
		code   fault.Code
		text   string
	}{
		"no issuer":          {map[string]any{"iss": nil}, fault.InvalidIdentityToken, "Missing a required claim: iss"},
		"no subject":         {map[string]any{"sub": nil}, fault.InvalidIdentityToken, "Missing a required claim: sub"},
		"empty subject":      {map[string]any{"sub": ""}, fault.InvalidIdentityToken, "Missing a required claim: sub"},
		"no audience":        {map[string]any{"aud": nil}, fault.InvalidIdentityToken, "Missing a required claim: aud"},
		"empty audience":     {map[string]any{"aud": []string{}}, fault.InvalidIdentityToken, "Missing a required claim: aud"},
		"no end":             {map[string]any{"exp": nil}, fault.InvalidIdentityToken, "Missing a required claim: exp"},
		"no time of issue":   {map[string]any{"iat": nil}, fault.InvalidIdentityToken, "Missing a required claim: iat"},
		"text as end":        {map[string]any{"exp": "tomorrow"}, fault.InvalidIdentityToken, "The claim exp"},
		"an end out of time": {map[string]any{"exp": 1e300}, fault.InvalidIdentityToken, "not a valid JWT"},
		"a negative time":    {map[string]any{"iat": -1}, fault.InvalidIdentityToken, "not a valid JWT"},
		"number as subject":  {map[string]any{"sub": 1}, fault.InvalidIdentityToken, "The claim sub"},
		"other audience":     {map[string]any{"aud": "api://other"}, fault.InvalidIdentityToken, "Incorrect token audience"},
		"no string in it":    {map[string]any{"aud": []any{1}}, fault.InvalidIdentityToken, "Missing a required claim: aud"},
		"other party":        {map[string]any{"azp": "other"}, fault.InvalidIdentityToken, "Incorrect token audience"},
		"expired":            {map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}, fault.ExpiredIdentityToken, fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), now.Unix()-120)},
		"not yet":            {map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}, fault.RejectedIdentityToken, "not good yet"},
		"issued tomorrow":    {map[string]any{"iat": now.Add(24 * time.Hour).Unix()}, fault.RejectedIdentityToken, "not good yet"},
	} {
		t.Run(name, func(t *testing.T) { s.refused(s.verify(s.token(c.claims)), c.code, c.text) })
	}
	if s.Requests() != 0 {
		t.Error("keys were fetched for tokens that are of no use")
	}
	for name, claims := range map[string]map[string]any{
		"clocks differ":      {"exp": now.Add(-30 * time.Second).Unix(), "nbf": now.Add(30 * time.Second).Unix(), "iat": now.Add(30 * time.Second).Unix()},
		"fractions":          {"exp": float64(now.Unix()) + 60.5},
		"no beginning":       {"nbf": nil},
		"several audiences":  {"aud": []string{"other", "another"}},
		"issued for another": {"aud": "api://other", "azp": "another"},
	} {
		t.Run(name, func(t *testing.T) { s.ok(s.verify(s.token(claims))) })
	}
}

// H70: a token is good by a signature of its issuer's keys, whatever it says of itself.
func TestForgedTokens_H70(t *testing.T) {
	s := start(t)
	now, mine := s.clock.now(), s.Keys()[0]
	good := s.token(nil)
	s.ok(s.verify(good))
	header := func(members string) string { return base64.RawURLEncoding.EncodeToString([]byte(members)) }
	payload := base64.RawURLEncoding.EncodeToString(s.Payload(t, now, nil))
	parts := strings.Split(good, ".")

	attacker := oidctest.Key{ID: mine.ID, Algorithm: jose.RS256, Signer: oidctest.NewKey(t, jose.RS256)}
	public := jose.JSONWebKey{Key: attacker.Signer.Public(), KeyID: mine.ID}
	hmac := func(secret []byte) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithHeader("kid", mine.ID))
		s.ok(err)
		signed, err := signer.Sign(s.Payload(t, now, nil))
		s.ok(err)
		text, err := signed.CompactSerialize()
		s.ok(err)
		return text
	}
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: attacker.Signer, KeyID: mine.ID}}, &jose.SignerOptions{EmbedJWK: true})
	s.ok(err)
	signed, err := embedded.Sign(s.Payload(t, now, nil))
	s.ok(err)
	withKey, err := signed.CompactSerialize()
	s.ok(err)

	const badSignature = "The signature of the token is not valid"
	for name, c := range map[string]struct{ token, text string }{
		"nothing":             {"", "not a valid JWT"},
		"words":               {"not a token", "not a valid JWT"},
		"two parts":           {parts[0] + "." + parts[1], "not a valid JWT"},
		"four parts":          {good + ".x", "not a valid JWT"},
		"JSON serialization":  {`{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`, "not a valid JWT"},
		"huge":                {parts[0] + "." + strings.Repeat("A", 20_000) + "." + parts[2], "not a valid JWT"},
		"deeply nested":       {parts[0] + "." + header(strings.Repeat("[", 14_000)) + "." + parts[2], "not a valid JWT"},
		"a list":              {parts[0] + "." + header("[]") + "." + parts[2], "not a valid JWT"},
		"null":                {parts[0] + "." + header("null") + "." + parts[2], "not a valid JWT"},
		"a claim twice":       {parts[0] + "." + header(`{"sub":"a","sub":"b"}`) + "." + parts[2], "not a valid JWT"},
		"none":                {header(`{"alg":"none"}`) + "." + payload + ".", "'none'"},
		"None":                {header(`{"alg":"None"}`) + "." + payload + ".", "'None'"},
		"no algorithm":        {header(`{}`) + "." + payload + ".", "''"},
		"HS256, public key":   {hmac(s.KeySet()), "'HS256'"},
		"no signature":        {parts[0] + "." + parts[1] + ".", badSignature},
		"other payload":       {parts[0] + "." + base64.RawURLEncoding.EncodeToString(s.Payload(t, now, map[string]any{"sub": "admin"})) + "." + parts[2], badSignature},
		"other algorithm":     {header(`{"alg":"RS512","kid":"`+mine.ID+`"}`) + "." + payload + "." + parts[2], noKey},
		"algorithm of others": {header(`{"alg":"ES256","kid":"`+mine.ID+`"}`) + "." + payload + "." + parts[2], noKey},
		"another key":         {s.Sign(t, attacker, now, nil, nil), badSignature},
		"embedded key":        {withKey, badSignature},
		"embedded by hand":    {s.Sign(t, attacker, now, nil, map[jose.HeaderKey]any{"jwk": public}), badSignature},
		"keys elsewhere":      {s.Sign(t, attacker, now, nil, map[jose.HeaderKey]any{"jku": "https://attacker.example/keys"}), badSignature},
		"certificate":         {s.Sign(t, attacker, now, nil, map[jose.HeaderKey]any{"x5u": "https://attacker.example/cert"}), badSignature},
		"unknown key":         {s.Sign(t, oidctest.Key{ID: "../../etc/passwd", Algorithm: jose.RS256, Signer: attacker.Signer}, now, nil, nil), noKey},
		"key by SQL":          {s.Sign(t, oidctest.Key{ID: "' OR 1=1 --", Algorithm: jose.RS256, Signer: attacker.Signer}, now, nil, nil), noKey},
		"critical header":     {s.Sign(t, mine, now, nil, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}), badSignature},
	} {
		t.Run(name, func(t *testing.T) { s.refused(s.verify(c.token), fault.InvalidIdentityToken, c.text) })
	}
	// The same headers beside a good signature are ignored.
	s.ok(s.verify(s.Sign(t, mine, now, nil, map[jose.HeaderKey]any{"jku": "https://attacker.example/keys", "x5u": "https://attacker.example/cert"})))
	// Without a key id there is one key that it can be, or it is refused.
	s.ok(s.verify(s.Sign(t, oidctest.Key{Algorithm: jose.RS256, Signer: mine.Signer}, now, nil, nil)))
	s.Rotate(t, jose.RS256, jose.RS256)
	s.clock.advance(2 * time.Minute)
	s.refused(s.verify(s.Sign(t, oidctest.Key{Algorithm: jose.RS256, Signer: s.Keys()[0].Signer}, s.clock.now(), nil, nil)), fault.InvalidIdentityToken, "")
}

// A key is used as its provider meant it, and only if it is strong enough: what else is in a key set is passed over.
func TestKeySets_H70(t *testing.T) {
	s := start(t)
	mine := s.Keys()[0]
	set := func(change func(key map[string]any)) error {
		var document struct {
			Keys []map[string]any `json:"keys"`
		}
		s.ok(json.Unmarshal(s.KeySet(), &document))
		change(document.Keys[0])
		text, err := json.Marshal(document)
		s.ok(err)
		file := s.file(text)
		v, err := oidc.New(oidc.Options{Keys: map[string]string{s.URL: file}, Now: s.clock.now})
		if err != nil {
			return err
		}
		return verify(t, v, s.token(nil))
	}
	s.ok(set(func(map[string]any) {}))
	s.ok(set(func(key map[string]any) { delete(key, "use"); delete(key, "alg") }))
	s.ok(set(func(key map[string]any) { key["x5c"] = []string{"rubbish"} }))
	for name, change := range map[string]func(key map[string]any){
		"for encryption": func(key map[string]any) { key["use"] = "enc" },
		"secret":         func(key map[string]any) { key["d"] = key["n"] },
		"symmetric":      func(key map[string]any) { clear(key); key["kty"], key["kid"], key["k"] = "oct", mine.ID, "c2VjcmV0" },
		"small": func(key map[string]any) {
			key["n"] = base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 128))
		},
		"huge": func(key map[string]any) {
			key["n"] = base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 2048))
		},
		"of no kind": func(key map[string]any) { key["kty"] = "new" },
	} {
		if err := set(change); err == nil {
			t.Errorf("a key that is %s was used", name)
		}
	}
	s.refused(set(func(key map[string]any) { key["alg"] = "PS256" }), fault.InvalidIdentityToken, noKey)
	s.refused(set(func(key map[string]any) { key["kid"] = "other" }), fault.InvalidIdentityToken, noKey)
}

func TestCheckIssuer(t *testing.T) {
	for text, want := range map[string]string{
		"https://token.actions.githubusercontent.com":     "https://token.actions.githubusercontent.com",
		"https://OIDC.eks.us-east-1.amazonaws.com/id/AbC": "https://oidc.eks.us-east-1.amazonaws.com/id/AbC",
		"https://tenant.auth0.com/":                       "https://tenant.auth0.com/",
		"https://keycloak.internal:8443/realms/ci":        "https://keycloak.internal:8443/realms/ci",
		"https://[2001:db8::1]:8443/x":                    "https://[2001:db8::1]:8443/x",
		"http://token.actions.githubusercontent.com":      "",
		"https://":                                 "",
		"https:///path":                            "",
		"https://host:":                            "",
		"https://user@host":                        "",
		"https://host?x=1":                         "",
		"https://host?":                            "",
		"https://host/#f":                          "",
		"https://host/*":                           "",
		"https://host/${aws:username}":             "",
		"https://host/%2e%2e/x":                    "",
		"https://host/a/../b":                      "",
		"https://host//b":                          "",
		"https://ho st":                            "",
		"https://host/" + strings.Repeat("a", 255): "",
		"token.actions.githubusercontent.com":      "",
		"https://host\nx":                          "",
	} {
		got, err := oidc.CheckIssuer(text)
		if got != want || (err != nil) != (want == "") || err != nil && !fault.Is(err, fault.InvalidInput) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
