package iam

import (
	"context"
	"strconv"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
)

// Identity is who a caller is, in the words of GetCallerIdentity (STS-5).
type Identity struct{ ARN, UserID, Account string }

// CallerIdentity says who the caller of ctx is. No policy can forbid it. A service is shown by its name, with the account that it acts for.
func (d *Directory) CallerIdentity(ctx context.Context) (*Identity, error) {
	c, err := Caller(ctx)
	if err != nil {
		return nil, err
	}
	c.describe("sts:GetCallerIdentity", &Resource{ARN: "*"})
	d.noteUse(c, "sts:GetCallerIdentity")
	id, _ := policy.PrincipalValue(c.Principal, "aws:userid")
	who := &Identity{ARN: c.Principal.ARN, UserID: id.One, Account: c.Home()}
	if c.Principal.Type == policy.Service {
		who.UserID = c.Principal.ARN // it has no other
	}
	return who, nil
}

// SessionToken says how a session of the caller itself shall be.
type SessionToken struct {
	Lifetime  time.Duration // 0 is twelve hours, for the root user one hour
	TokenCode string        // of a device for multi-factor authentication, which berth does not have
}

// SessionToken makes a session of the calling user or root user itself: it may do what the user may (STS-9).
// Faults: AccessDenied for a caller that is a session, Validation.
func (d *Directory) SessionToken(ctx context.Context, in SessionToken) (*TemporaryCredentials, error) {
	c := From(ctx)
	if err := d.Authorize(ctx, "sts:GetSessionToken", &Resource{ARN: "*"}); err != nil { // it needs no Allow, but heeds a Deny (IAMP-3)
		return nil, err
	}
	if !c.signedLongTerm() {
		return nil, c.Refuse("Cannot call GetSessionToken with session credentials")
	}
	if in.TokenCode != "" {
		return nil, c.Refuse(badTokenCode)
	}
	lifetime, err := c.ownLifetime(in.Lifetime)
	if err != nil {
		return nil, err
	}
	return d.startSession(ctx, c.Principal.Account, sealedSession{Kind: ofUser, Owner: c.Principal.ID, Issuer: c.AccessKeyID}, lifetime)
}

// signedLongTerm: a user or root user signed with an access key of its own.
func (c *Call) signedLongTerm() bool {
	return c.Session == nil && (c.Principal.Type == policy.User || c.Principal.Type == policy.Root)
}

// ownLifetime holds the wanted length of a session of the caller, or of a federated user of its, to STS-9.
func (c *Call) ownLifetime(wanted time.Duration) (time.Duration, error) {
	most := 36 * time.Hour
	if c.Principal.Type == policy.Root {
		most = time.Hour
	}
	switch {
	case wanted == 0:
		return min(12*time.Hour, most), nil
	case wanted < 15*time.Minute || wanted > 36*time.Hour:
		return 0, invalidValue(strconv.Itoa(int(wanted/time.Second)), "durationSeconds", "Member must have value between 900 and 129600")
	}
	return min(wanted, most), nil // AWS shortens a root user's session instead of refusing it
}

// AccessKeyAccount returns the account that an access key belongs to, which its id says (STS-11). Faults: AccessDenied, Validation.
func (d *Directory) AccessKeyAccount(ctx context.Context, accessKeyID string) (string, error) {
	if err := d.Authorize(ctx, "sts:GetAccessKeyInfo", &Resource{ARN: "*"}); err != nil {
		return "", err
	}
	account, ok := accountOfKey(accessKeyID)
	if ok {
		if _, err := d.Account(ctx, account); err == nil {
			return account, nil
		} else if !fault.Is(err, fault.NoSuchEntity) {
			return "", err
		}
	}
	return "", fault.New(fault.Validation, "The access key ID %s is not valid", accessKeyID)
}
