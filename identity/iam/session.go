package iam

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// TemporaryCredentials are what a new session signs with. The secret and the token are shown only here.
type TemporaryCredentials struct {
	AccessKeyID, Secret, Token string
	Expires                    time.Time
}

// insertSession makes a session and its row. A session changes nothing that is cached.
func (d *Directory) insertSession(ctx context.Context, account, owner, issuer, name, sourceIdentity string, details sessionDetails, lifetime time.Duration) (*TemporaryCredentials, error) {
	now := d.options.Now()
	t := &TemporaryCredentials{Secret: newSecret(), Token: newToken(), Expires: now.Add(lifetime).Truncate(time.Second).UTC()}
	text, err := json.Marshal(details)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(t.Token))
	c := From(ctx)
	err = d.db.Write(ctx, func(tx *sql.Tx) error {
		if err := ownerStands(tx, account, owner); err != nil {
			return err
		}
		for { // the id has 39 random bits: one that is taken comes by sometimes
			t.AccessKeyID = newAccessKeyID(temporaryPrefix, account)
			n, err := count(tx, `SELECT COUNT(*) FROM iam_session WHERE id = $1`, t.AccessKeyID)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		if _, err := tx.Exec(`INSERT INTO iam_session (id, account, owner, issuer, name, source_identity, secret, token, details, issued, expires)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, t.AccessKeyID, account, owner, issuer, name, sourceIdentity,
			d.seals.seal([]byte(t.Secret), t.AccessKeyID), sum[:], string(text), sql.Micros(now), sql.Micros(t.Expires)); err != nil {
			return err
		}
		return d.log.Write(tx, &c.Audit)
	})
	if err != nil {
		return nil, err
	}
	c.Recorded = true
	return t, nil
}

// ownerStands fails if the user, role or account of a new session was deleted since it was authorised.
func ownerStands(tx *sql.Tx, account, owner string) error {
	table := "iam_account"
	if k, ok := kindOfID(owner); ok {
		table = k.table()
	}
	n, err := count(tx, `SELECT COUNT(*) FROM `+table+` WHERE id = $1`, owner)
	if err == nil && n == 0 {
		err = fault.New(fault.AccessDenied, "The user or role of account %s does not exist any more", account)
	}
	return err
}

// Identity is who a caller is, in the words of GetCallerIdentity (STS-5).
type Identity struct{ ARN, UserID, Account string }

// CallerIdentity says who the caller of ctx is. No policy can forbid it.
func (d *Directory) CallerIdentity(ctx context.Context) (*Identity, error) {
	c := From(ctx)
	if c.Principal == nil {
		return nil, fault.New(fault.MissingCredentials, "Missing Authentication Token")
	}
	c.describe("sts:GetCallerIdentity", &Resource{ARN: "*"})
	d.noteUse(c, "sts:GetCallerIdentity")
	id, _ := policy.PrincipalValue(c.Principal, "aws:userid")
	return &Identity{ARN: c.Principal.ARN, UserID: id.One, Account: c.Principal.Account}, nil
}

// SessionToken says how a session of the caller itself shall be.
type SessionToken struct {
	Lifetime  time.Duration // 0 is twelve hours, for the root user one hour
	TokenCode string        // of a device for multi-factor authentication, which berth does not have
}

// SessionToken makes a session of the calling user or root user itself: it may do what the user may (STS-9).
// Faults: AccessDenied for a caller that is a session, Validation.
func (d *Directory) SessionToken(ctx context.Context, in SessionToken) (*TemporaryCredentials, error) {
	c, lifetime := From(ctx), in.Lifetime
	if err := d.Authorize(ctx, "sts:GetSessionToken", &Resource{ARN: "*"}); err != nil { // it needs no Allow, but heeds a Deny (IAMP-3)
		return nil, err
	}
	if c.Session != nil || c.Principal.Type != policy.User && c.Principal.Type != policy.Root {
		return nil, c.refuse("Cannot call GetSessionToken with session credentials")
	}
	if in.TokenCode != "" {
		return nil, c.refuse(badTokenCode)
	}
	most := 36 * time.Hour
	if c.Principal.Type == policy.Root {
		most = time.Hour
	}
	if lifetime == 0 {
		lifetime = min(12*time.Hour, most)
	}
	if c.Principal.Type == policy.Root {
		lifetime = min(lifetime, most) // AWS shortens a root user's session instead of refusing it
	}
	if lifetime < 15*time.Minute || lifetime > most {
		return nil, invalidValue(strconv.Itoa(int(lifetime/time.Second)), "durationSeconds", "Member must have value between 900 and 129600")
	}
	return d.insertSession(ctx, c.Principal.Account, c.Principal.ID, c.AccessKeyID, "", "", sessionDetails{}, lifetime)
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
