package iam

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/oidc"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// AssumeRoleWithWebIdentity says which role to assume with the token of an identity provider, and how the session shall be (STS-10).
type AssumeRoleWithWebIdentity struct {
	RoleARN, SessionName string
	Token                string        // a JSON web token
	Lifetime             time.Duration // 0 is an hour
	Policy               string        // inline session policy; "" for none
	PolicyARNs           []string      // managed session policies
}

// WebIdentityRole is the answer.
type WebIdentityRole struct {
	AssumedRole
	// Subject is who the provider says it is; Audience the client id that the token was accepted for; Provider the ARN of the provider.
	Subject, Audience, Provider string
}

// AssumeRoleWithWebIdentity makes a session of a role for whoever brings a token of a provider of the role's account, if the role's trust policy lets that token
// in (STS-10). Nobody signs: the token is the proof, and a signature that came with the request says nothing here. The provider must be of the role's own
// account; what other accounts trust counts for nothing. A role that does not exist is refused like one that may not be assumed.
//
// Faults: InvalidIdentityToken, ExpiredIdentityToken, RejectedIdentityToken and IdentityProviderUnreachable as oidc has them; AccessDenied; Validation,
// MalformedPolicyDocument, PackedPolicyTooLarge.
func (d *Directory) AssumeRoleWithWebIdentity(ctx context.Context, in AssumeRoleWithWebIdentity) (*WebIdentityRole, error) {
	c := From(ctx)
	c.SignedBy(&Credential{})
	a, name, err := parseRoleARN(in.RoleARN)
	if err != nil {
		return nil, err
	}
	if err := checkSessionName(in.SessionName); err != nil {
		return nil, err
	}
	c.describe(webIdentityAction, &Resource{ARN: in.RoleARN, Account: a.Account})
	c.Audit.Decision = "Deny" // until the trust policy has spoken
	token, provider, err := d.verifyToken(ctx, a.Account, in.Token)
	if err != nil {
		return nil, err
	}
	c.Principal = &policy.Principal{Type: policy.WebIdentity, ARN: provider + ":" + token.Audience + ":" + token.Subject, Provider: provider}
	session := &sealedSession{Kind: ofRole, Name: in.SessionName, Policy: in.Policy, Provider: provider}
	if err := session.takeTags(token); err != nil {
		return nil, err
	}

	role, err := d.find(ctx, KindRole, a.Account, name)
	if err != nil && !fault.Is(err, fault.NoSuchEntity) {
		return nil, err
	}
	if err != nil || role.arn() != in.RoleARN {
		return nil, c.Refuse(webIdentityRefused)
	}
	session.Owner = role.id
	most, err := d.authorizeToken(ctx, role, token, session)
	if err != nil {
		return nil, err
	}
	lifetime, err := c.sessionLifetime(in.Lifetime, most)
	if err != nil {
		return nil, err
	}
	t, packed, err := d.startLimited(ctx, a.Account, session, in.PolicyARNs, lifetime)
	if err != nil {
		return nil, err
	}
	return &WebIdentityRole{
		AssumedRole: AssumedRole{
			TemporaryCredentials: *t, ID: role.id + ":" + in.SessionName, ARN: sessionARN(a.Account, role.name, in.SessionName),
			SourceIdentity: session.SourceIdentity, Packed: packed,
		},
		Subject: token.Subject, Audience: token.Audience, Provider: provider,
	}, nil
}

const (
	webIdentityAction  = "sts:AssumeRoleWithWebIdentity"
	webIdentityRefused = "Not authorized to perform " + webIdentityAction
)

// verifyToken reads a token and has it verified for the provider that the account has for its issuer, whose ARN it returns.
func (d *Directory) verifyToken(ctx context.Context, account, text string) (*oidc.Token, string, error) {
	token, err := oidc.Parse(text)
	if err != nil {
		return nil, "", err
	}
	url, ok := strings.CutPrefix(token.Issuer, "https://")
	if !ok {
		return nil, "", noProvider(token.Issuer)
	}
	var clients []string
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		var id string
		if err := tx.Row(`SELECT id FROM iam_oidc_provider WHERE account = $1 AND url = $2`, sql.Args(account, url), &id); err != nil {
			return err
		}
		clients, err = readClients(tx, id)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", noProvider(token.Issuer)
	}
	if err != nil {
		return nil, "", err
	}
	return token, arn.IAM(account, KindProvider.String()+"/"+url), d.options.Tokens.Verify(ctx, token, clients)
}

func noProvider(issuer string) error {
	return fault.New(fault.InvalidIdentityToken, "No OpenIDConnect provider found in your account for %s", issuer)
}

// authorizeToken asks the role's trust policy, and nothing else, for each action that the request is (IAMP-3), and returns the longest session that the role
// allows. The session gets those condition keys of the token that later requests have, too.
func (d *Directory) authorizeToken(ctx context.Context, role *entity, token *oidc.Token, session *sealedSession) (most time.Duration, err error) {
	r, most, err := d.trustOf(ctx, role)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, From(ctx).Refuse(webIdentityRefused)
	}
	if err != nil {
		return 0, err
	}
	r.RequestTags = session.Tags
	r.Keys, r.lists = map[string]string{}, map[string][]string{}
	prefix := strings.ToLower(strings.TrimPrefix(token.Issuer, "https://")) + ":"
	session.Claims = map[string]Claim{}
	for name, claim := range tokenKeys(token) {
		key := prefix + name
		if claim.Many != nil {
			r.lists[key] = claim.Many
		} else {
			r.Keys[key] = claim.One
		}
		switch name {
		case "aud", "sub", "amr": // what a session remembers of its token
			session.Claims[key] = claim
		}
	}
	// As for AssumeRole: why is for those who may see the trust policy.
	return most, d.authorizeSession(ctx, webIdentityAction, r, session, func(string) string { return webIdentityRefused })
}

// tokenKeys are the condition keys that follow from a token, without the provider's name and the colon before them: every claim that is a string or a list of
// strings. "aud" is the client id that the token was accepted for, which is its azp if it has one, and "oaud" what the token has as aud.
//
// Names of keys have no case, names of claims do. Where a provider's users choose the names of further claims, "Sub" must not pass for "sub": a claim in
// another case than lower counts only if it can be meant by nothing else.
func tokenKeys(token *oidc.Token) map[string]Claim {
	keys, spellings := map[string]Claim{}, map[string]int{"sub": 2, "aud": 2, "oaud": 2, "azp": 2, "amr": 2, "email": 2, "iss": 2}
	for name := range token.Claims() {
		spellings[strings.ToLower(name)]++
	}
	for name, values := range token.Claims() {
		folded := strings.ToLower(name)
		switch {
		case len(values) == 0, folded != name && spellings[folded] > 1:
		case token.IsList(name):
			keys[folded] = Claim{Many: values}
		default:
			keys[folded] = Claim{One: values[0]}
		}
	}
	keys["aud"] = Claim{One: token.Audience}
	keys["oaud"] = Claim{One: token.Audiences[0]}
	if len(token.Audiences) > 1 {
		keys["oaud"] = Claim{Many: token.Audiences}
	}
	return keys
}

const (
	tagsClaim           = "https://aws.amazon.com/tags"
	sourceIdentityClaim = "https://aws.amazon.com/source_identity"
)

var sourceIdentityForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// takeTags gives the session the tags and the source identity that a token has for it: nested in one claim, or, for providers that cannot nest, in one claim for
// each tag. Fault: InvalidIdentityToken for those that a session cannot have.
func (s *sealedSession) takeTags(token *oidc.Token) error {
	var nested struct {
		Principal  map[string]oidc.Strings `json:"principal_tags"`
		Transitive []string                `json:"transitive_tag_keys"`
	}
	if _, err := token.Claim(tagsClaim, &nested); err != nil {
		return err
	}
	if _, err := token.Claim(tagsClaim+"/transitive_tag_keys", &nested.Transitive); err != nil {
		return err
	}
	var tags []Tag
	add := func(key string, values []string) error {
		if len(values) != 1 {
			return fault.New(fault.InvalidIdentityToken, "The token has %d values for the session tag %s; a tag has one", len(values), key)
		}
		tags = append(tags, Tag{key, values[0]})
		return nil
	}
	for key, values := range nested.Principal {
		if err := add(key, values); err != nil {
			return err
		}
	}
	for name, values := range token.Claims() {
		if key, ok := strings.CutPrefix(name, tagsClaim+"/principal_tags/"); ok {
			if err := add(key, values); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	if err := checkTags(tags); err != nil {
		return fault.New(fault.InvalidIdentityToken, "The session tags of the token: %s", fault.As(err).Message)
	}
	for _, key := range nested.Transitive {
		if !slices.ContainsFunc(tags, func(t Tag) bool { return fold(t.Key) == fold(key) }) {
			return fault.New(fault.InvalidIdentityToken, "The specified transitive tag key must be included in the requested tags.")
		}
	}
	s.Tags, s.Transitive = tagMap(tags), nested.Transitive
	if there, err := token.Claim(sourceIdentityClaim, &s.SourceIdentity); err != nil || !there {
		return err
	}
	if !sourceIdentityForm.MatchString(s.SourceIdentity) {
		return fault.New(fault.InvalidIdentityToken, "The source identity of the token must satisfy regular expression pattern: [\\w+=,.@-]* and have length between 2 and 64")
	}
	return nil
}
