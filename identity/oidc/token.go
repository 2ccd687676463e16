package oidc

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/berth-registry/berth/fault"
)

const (
	// mostToken is how many characters a token may have (STS-10: by the service model).
	mostToken = 20_000
	// longestSubject is in bytes (OpenID Connect Core 1.0, section 2).
	longestSubject = 255
	// leeway is how far the clocks of a provider and of berth may differ.
	leeway = time.Minute
	// latest bounds the times in a token: the end of the year 9999, beyond which they cannot be written.
	latest = 253402300799
)

// algorithms are those by which a token may be signed: with a pair of keys, whose public half the provider shows. "none" and the HS family, for which that half
// would be the secret, are not among them (H70).
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Token is what a token claims. Before Verify has passed it, somebody else may have written it.
type Token struct {
	// Issuer is "iss", with the host in lower case; Subject is "sub".
	Issuer, Subject string
	// Audiences is "aud", at least one.
	Audiences []string
	// Party is "azp", for whom the token was issued; "" if it does not say so.
	Party string
	// Audience is, after Verify, the client id that it was accepted for.
	Audience string

	expires, issued, notBefore float64 // seconds since 1970; notBefore is 0 if absent
	claims                     map[string]json.RawMessage
	signed                     *jose.JSONWebSignature
}

// Parse reads a token without believing it. Faults: InvalidIdentityToken, also for a token that lacks one of the claims iss, sub, aud, exp and iat, or that is
// signed in a way that proves nothing.
func Parse(text string) (*Token, error) {
	if len(text) > mostToken {
		return nil, notToken(nil)
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if unexpected := (*jose.ErrUnexpectedSignatureAlgorithm)(nil); errors.As(err, &unexpected) {
		return nil, fault.New(fault.InvalidIdentityToken, "The token is signed by the algorithm '%s'; it must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA", clip(string(unexpected.Got), 32))
	}
	if err != nil || len(signed.Signatures) != 1 {
		return nil, notToken(err)
	}
	t := &Token{signed: signed}
	// This decoder takes no name twice and tells upper from lower case: of two readings of one token the wrong one could be judged.
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &t.claims); err != nil || t.claims == nil {
		return nil, notToken(err)
	}
	for _, c := range []struct {
		name     string
		into     any
		required bool
	}{
		{"iss", &t.Issuer, true}, {"sub", &t.Subject, true}, {"exp", &t.expires, true}, {"iat", &t.issued, true}, {"nbf", &t.notBefore, false}, {"azp", &t.Party, false},
	} {
		there, err := t.Claim(c.name, c.into)
		if err != nil {
			return nil, err
		}
		if !there && c.required {
			return nil, missing(c.name)
		}
	}
	t.Audiences, _ = stringsOf(t.claims["aud"])
	if t.Subject == "" {
		return nil, missing("sub")
	}
	if len(t.Subject) > longestSubject {
		return nil, fault.New(fault.InvalidIdentityToken, "The claim sub of the token is longer than %d bytes", longestSubject)
	}
	if len(t.Audiences) == 0 {
		return nil, missing("aud")
	}
	for _, seconds := range []float64{t.expires, t.issued, t.notBefore} {
		if math.IsNaN(seconds) || seconds < 0 || seconds > latest {
			return nil, notToken(nil)
		}
	}
	t.Issuer = foldHost(t.Issuer)
	return t, nil
}

func notToken(err error) error {
	return fault.Wrap(err, fault.InvalidIdentityToken, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

func missing(claim string) error {
	return fault.New(fault.InvalidIdentityToken, "Missing a required claim: %s", claim)
}

// Claim reads the claim called name into a pointer, and reports whether the token has it; null is as good as absent. Fault: InvalidIdentityToken for a value of
// another form.
func (t *Token) Claim(name string, into any) (there bool, err error) {
	raw, there := t.claims[name]
	if !there || string(raw) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fault.Wrap(err, fault.InvalidIdentityToken, "The claim %s of the token has a form that it cannot have", clip(name, 64))
	}
	return true, nil
}

// Claims goes through the claims that policies can ask about: those that are a string, or a list of strings. list tells which.
func (t *Token) Claims() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for name, raw := range t.claims {
			if values, ok := stringsOf(raw); ok && !yield(name, values) {
				return
			}
		}
	}
}

// IsList reports whether a claim is a list.
func (t *Token) IsList(name string) bool {
	return strings.HasPrefix(string(t.claims[name]), "[")
}

// Strings is a claim that is a list of strings, or one string.
type Strings []string

// UnmarshalJSON reads either form.
func (s *Strings) UnmarshalJSON(text []byte) error {
	values, ok := stringsOf(text)
	if !ok {
		return errors.New("neither a string nor a list of strings")
	}
	*s = values
	return nil
}

// stringsOf reads a string or a list of strings.
func stringsOf(raw json.RawMessage) ([]string, bool) {
	var one string
	if json.Unmarshal(raw, &one) == nil && string(raw) != "null" {
		return []string{one}, true
	}
	var many []*string
	if json.Unmarshal(raw, &many) != nil || many == nil {
		return nil, false
	}
	out := make([]string, len(many))
	for i, s := range many {
		if s == nil {
			return nil, false
		}
		out[i] = *s
	}
	return out, true
}

// Verify finds out whether t was signed by its issuer, for one of clientIDs, and is good now. The caller has looked up that the issuer is one that it trusts, and
// clientIDs are those that it knows the issuer to give. Faults: InvalidIdentityToken for another audience, a signature that is not the issuer's, and an issuer
// whose keys cannot be had; ExpiredIdentityToken; RejectedIdentityToken for one that is not good yet; IdentityProviderUnreachable.
func (v *Verifier) Verify(ctx context.Context, t *Token, clientIDs []string) error {
	// Everything that costs nothing comes first: nobody's keys are fetched for a token that is of no use anyway.
	if t.Audience = t.accepted(clientIDs); t.Audience == "" {
		return fault.New(fault.InvalidIdentityToken, "Incorrect token audience")
	}
	now := v.now()
	seconds := func(at float64) time.Time { return time.Unix(int64(at), 0) }
	if end := seconds(t.expires); !now.Before(end.Add(leeway)) {
		return fault.New(fault.ExpiredIdentityToken, "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), end.Unix())
	}
	if begin := seconds(max(t.issued, t.notBefore)); now.Before(begin.Add(-leeway)) {
		return fault.New(fault.RejectedIdentityToken, "The token is not good yet: current date/time %d must not be before %d", now.Unix(), begin.Unix())
	}
	header := t.signed.Signatures[0].Header
	keys, err := v.keys(ctx, t.Issuer, header.KeyID, header.Algorithm)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err = t.signed.Verify(key); err == nil {
			return nil
		}
	}
	return fault.Wrap(err, fault.InvalidIdentityToken, "The signature of the token is not valid")
}

// accepted is the client id for which t was made, "" if it is none of those. A token that says for whom it was issued (azp) is for nobody else, whoever else may
// read it: that is how AWS judges it.
func (t *Token) accepted(clientIDs []string) string {
	if t.Party != "" {
		if slices.Contains(clientIDs, t.Party) {
			return t.Party
		}
		return ""
	}
	for _, audience := range t.Audiences {
		if slices.Contains(clientIDs, audience) {
			return audience
		}
	}
	return ""
}

// clip shortens what a stranger wrote, for messages.
func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
