package iam

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Credential is an access key that may sign, or a registry password, and whose it is. It is shared and must not be changed.
type Credential struct {
	Secret      string // "" of a registry password, which signs nothing
	Principal   *policy.Principal
	Session     *Session // nil for long-term keys
	AccessKeyID string
	// Source is on whose behalf a service acts, as far as its session or registry password says; nil for all others.
	Source *Source
}

// credential is a Credential with what must hold for it to be used.
type credential struct {
	Credential
	account string
	stamp   sql.Stamp
	token   [sha256.Size]byte // SHA-256 of the session token; only of temporary keys that sign
}

// SignedBy makes c the call of whoever cr stands for. A door calls it as soon as the credential is proved, and before anything is authorised.
func (c *Call) SignedBy(cr *Credential) {
	c.Principal, c.Session, c.AccessKeyID, c.Source = cr.Principal, cr.Session, cr.AccessKeyID, cr.Source
}

// Credential returns the access key that a request names, with its secret, if it may sign now. A long-term key comes without a session token, a
// temporary one with its own (API-14). Faults: UnknownCredentials (API-15, H69), ExpiredCredentials.
func (d *Directory) Credential(ctx context.Context, accessKeyID, sessionToken string, now time.Time) (*Credential, error) {
	var c *credential
	var err error
	switch {
	case strings.HasPrefix(accessKeyID, temporaryPrefix):
		c, err = d.temporary(ctx, accessKeyID, sessionToken, now)
	case sessionToken != "":
		err = errUnknown()
	default:
		c, err = d.longTerm(ctx, accessKeyID)
	}
	if err != nil {
		return nil, err
	}
	return &c.Credential, nil
}

// temporary returns the session that a token carries. A token that was seen before costs a hash of it; another is opened. Who does not have the token of the
// key learns nothing of it, not even that its session is over.
func (d *Directory) temporary(ctx context.Context, id, token string, now time.Time) (*credential, error) {
	if token == "" || len(token) > mostToken {
		return nil, errUnknown()
	}
	sum := sha256.Sum256([]byte(token))
	c, ok := d.credentials.GetIfPresent(id)
	if !ok || subtle.ConstantTimeCompare(c.token[:], sum[:]) != 1 || !d.epoch.Current(c.account, c.stamp) {
		var s sealedSession
		if err := d.unseal(token, mostToken, tokenPurpose, &s); err != nil {
			return nil, err
		}
		if s.ID != id {
			return nil, errUnknown()
		}
		if now.Unix() >= s.Expires {
			return nil, errExpired()
		}
		var err error
		if c, err = d.session(ctx, &s); err != nil {
			return nil, err
		}
		c.token = sum
		d.credentials.Set(id, c)
	}
	if !now.Before(c.Session.Expires) {
		return nil, errExpired()
	}
	return c, nil
}

func errExpired() error {
	return fault.New(fault.ExpiredCredentials, "The security token included in the request is expired")
}

// session reads a session that was opened.
func (d *Directory) session(ctx context.Context, s *sealedSession) (*credential, error) {
	return d.read(ctx, s.ID, func(tx *sql.Tx, c *credential) error { return d.readSession(tx, c, s) })
}

// longTerm returns what is known of a long-term key.
func (d *Directory) longTerm(ctx context.Context, id string) (*credential, error) {
	if c, ok := d.credentials.GetIfPresent(id); ok && d.epoch.Current(c.account, c.stamp) {
		return c, nil
	}
	c, err := d.read(ctx, id, d.readLongTerm)
	if err == nil {
		d.credentials.Set(id, c)
	}
	return c, err
}

// read makes a credential under the epoch of the account that its id names.
func (d *Directory) read(ctx context.Context, id string, f func(*sql.Tx, *credential) error) (*credential, error) {
	account, ok := accountOfKey(id)
	if !ok {
		return nil, errUnknown()
	}
	c := &credential{account: account, stamp: d.epoch.Stamp(account), Credential: Credential{AccessKeyID: id}}
	err := d.db.View(ctx, func(tx *sql.Tx) error {
		if gone, err := d.Closed(tx, account); err != nil {
			return err
		} else if gone { // nothing of a closed account signs (ORG-17)
			return sql.ErrNoRows
		}
		return f(tx, c)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errUnknown()
	}
	return c, err
}

func (d *Directory) readLongTerm(tx *sql.Tx, c *credential) error {
	var owner string
	var sealed []byte
	var active bool
	if err := tx.Row(`SELECT owner, secret, active FROM iam_access_key WHERE id = $1 AND account = $2`, sql.Args(c.AccessKeyID, c.account), &owner, &sealed, &active); err != nil {
		return err
	}
	if !active {
		return sql.ErrNoRows
	}
	secret, err := d.seals.open(sealed, c.AccessKeyID)
	if err != nil {
		return err
	}
	c.Secret = string(secret)
	c.Principal, err = readPrincipal(tx, c.account, owner)
	return err
}

// readPrincipal reads the root user, user or service that owns an access key or a session.
func readPrincipal(tx *sql.Tx, account, owner string) (*policy.Principal, error) {
	if account == servicesAccount {
		return readService(tx, owner)
	}
	if owner == account {
		err := tx.Row(`SELECT id FROM iam_account WHERE id = $1`, sql.Args(account), &owner)
		return &policy.Principal{Type: policy.Root, ARN: arn.IAM(account, "root"), Account: account, ID: account}, err
	}
	var name, path string
	err := tx.Row(`SELECT name, path FROM iam_user WHERE id = $1 AND account = $2`, sql.Args(owner, account), &name, &path)
	return &policy.Principal{Type: policy.User, ARN: arn.IAM(account, "user"+path+name), Account: account, ID: owner}, err
}
