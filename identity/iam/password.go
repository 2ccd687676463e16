package iam

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/berth-registry/berth/fault"
)

// claims are what a registry password says: whose key or session asked for it, where, and until when it works. It says nothing of what a user or role may:
// that is read at each request, as is whether the key or session still stands (API-33, H70). Of a session it holds what the session token holds, but for the
// secret: a session is stored nowhere else. Its form is the JSON of this struct, sealed, and in base64url, so without a colon, at which some clients split:
// a few hundred bytes for a key, and for a session with many tags and a long policy up to mostPassword.
type claims struct {
	AccessKeyID string         `json:"k,omitempty"` // of a long-term key
	Owner       string         `json:"o,omitempty"` // CallerID of its owner
	Session     *sealedSession `json:"s,omitempty"`
	Source      *Source        `json:"z,omitempty"` // on whose behalf a service asked with a long-term key
	Region      string         `json:"r"`
	Expires     int64          `json:"e"` // seconds since 1970

	current atomic.Pointer[credential]
}

const (
	passwordPurpose = "registry password" // a sealed secret of another kind does not open as a password
	mostPassword    = 8192                // bytes; longer ones are refused unread (H71)
)

// Password makes a registry password for the caller of ctx, for the registries of region, and says until when it works: Options.TokenLifetime, but
// never beyond the caller's session (API-31..33). It stands for the caller with its session: session policies, tags, source identity, the time of issue, and
// on whose behalf a service acts, count at each use (IAMP-1.2).
func (d *Directory) Password(ctx context.Context, region string) (password string, expires time.Time, err error) {
	c := From(ctx)
	if c.Principal == nil || c.AccessKeyID == "" {
		return "", time.Time{}, errNobody()
	}
	expires = d.options.Now().Add(d.options.TokenLifetime)
	p := &claims{Region: region}
	if s := c.Session; s != nil {
		if s.Expires.Before(expires) {
			expires = s.Expires
		}
		session := *s.sealed
		session.Secret = ""
		p.Session = &session
	} else {
		p.AccessKeyID, p.Owner, p.Source = c.AccessKeyID, c.CallerID(), c.Source
	}
	expires = expires.Truncate(time.Second).UTC()
	p.Expires = expires.Unix()
	text, err := marshal(p)
	if err != nil {
		return "", time.Time{}, err
	}
	return base64.RawURLEncoding.EncodeToString(d.seals.seal(text, passwordPurpose)), expires, nil
}

// SignIn returns the credential that a registry password stands for. region is that of the registry; "" accepts a password of any region
// (GET /v2/ without a region). Faults: UnknownCredentials for what this berth did not make, or whose key, session, user or role is gone (H69, H70);
// ExpiredCredentials with the text of HTTP-6; AccessDenied for a password of another region.
//
// A password seen before costs one look-up and no allocation.
func (d *Directory) SignIn(ctx context.Context, password, region string, now time.Time) (*Credential, error) {
	p, ok := d.passwords.GetIfPresent(password)
	if !ok {
		p = &claims{}
		if err := d.unseal(password, mostPassword, passwordPurpose, p); err != nil {
			return nil, err
		}
	}
	if now.Unix() >= p.Expires {
		return nil, fault.New(fault.ExpiredCredentials, "Your authorization token has expired. Reauthenticate and try again.")
	}
	c := p.current.Load()
	if c == nil || !d.epoch.Current(c.account, c.stamp) {
		var err error
		if c, err = d.bearer(ctx, p); err != nil {
			return nil, err
		}
		p.current.Store(c)
	}
	if !ok { // only what has worked takes room in the cache
		d.passwords.Set(password, p)
	}
	if region != "" && p.Region != region {
		call := From(ctx)
		call.SignedBy(&c.Credential) // who was refused is known, and on record
		return nil, call.Refuse(fmt.Sprintf("User: %s is not authorized to use a password of region %s in region %s: get one with aws ecr get-login-password --region %s",
			c.Principal.ARN, p.Region, region, region))
	}
	return &c.Credential, nil
}

// bearer reads whom a password stands for at this moment.
func (d *Directory) bearer(ctx context.Context, p *claims) (*credential, error) {
	if p.Session != nil {
		return d.session(ctx, p.Session)
	}
	c, err := d.longTerm(ctx, p.AccessKeyID)
	if err != nil {
		return nil, err
	}
	if (&Call{Principal: c.Principal}).CallerID() != p.Owner {
		return nil, errUnknown()
	}
	if p.Source == nil {
		return c, nil
	}
	acting := *c
	acting.Source = p.Source
	return &acting, nil
}
