package iam

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"github.com/berth-registry/berth/fault"
)

// claims are what a registry password says: whose key or session asked for it, where, and until when it works. It says nothing of what is allowed:
// that is read at each request, as is whether the key or session still stands (API-33, H70). Its form is the JSON of this struct, sealed, and in
// base64url: at most a few hundred bytes, and without a colon, at which some clients split.
type claims struct {
	AccessKeyID string `json:"k"`
	Owner       string `json:"o"` // unique id of the user or role, account id of a root user
	Region      string `json:"r"`
	Expires     int64  `json:"e"` // seconds since 1970

	current atomic.Pointer[credential]
}

const (
	passwordPurpose = "registry password" // a sealed secret of another kind does not open as a password
	mostPassword    = 1024                // bytes; longer ones are refused unread (H71)
)

// Password makes a registry password for the caller of ctx, for the registries of region, and says until when it works: Options.TokenLifetime, but
// never beyond the caller's session (API-31..33).
func (d *Directory) Password(ctx context.Context, region string) (password string, expires time.Time, err error) {
	c := From(ctx)
	if c.Principal == nil || c.Principal.ID == "" || c.AccessKeyID == "" {
		return "", time.Time{}, fault.New(fault.MissingCredentials, "Missing Authentication Token")
	}
	expires = d.options.Now().Add(d.options.TokenLifetime)
	if c.Session != nil && c.Session.Expires.Before(expires) {
		expires = c.Session.Expires
	}
	expires = expires.Truncate(time.Second).UTC()
	text, err := json.Marshal(&claims{AccessKeyID: c.AccessKeyID, Owner: c.Principal.ID, Region: region, Expires: expires.Unix()})
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
		var err error
		if p, err = d.openPassword(password); err != nil {
			return nil, err
		}
	}
	if now.Unix() >= p.Expires {
		return nil, fault.New(fault.ExpiredCredentials, "Your authorization token has expired. Reauthenticate and try again.")
	}
	c := p.current.Load()
	if c == nil || !d.epoch.Current(c.account, c.stamp) {
		var err error
		if c, err = d.credential(ctx, p.AccessKeyID); err != nil {
			return nil, err
		}
		if c.Principal.ID != p.Owner {
			return nil, errUnknown()
		}
		p.current.Store(c)
	}
	if !ok { // only what has worked takes room in the cache
		d.passwords.Set(password, p)
	}
	if region != "" && p.Region != region {
		return nil, fault.New(fault.AccessDenied, "User: %s is not authorized to use a password of region %s in region %s: get one with aws ecr get-login-password --region %s",
			c.Principal.ARN, p.Region, region, region)
	}
	return &c.Credential, nil
}

func (d *Directory) openPassword(password string) (*claims, error) {
	if len(password) > mostPassword || strings.ContainsAny(password, "\r\n") { // the decoder skips line ends: one password must not have many spellings
		return nil, errUnknown()
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(password)
	if err != nil {
		return nil, errUnknown()
	}
	text, err := d.seals.open(sealed, passwordPurpose)
	if err != nil {
		return nil, errUnknown()
	}
	p := &claims{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, errUnknown()
	}
	return p, nil
}
