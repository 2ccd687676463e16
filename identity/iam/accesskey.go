package iam

import (
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// AccessKey is a long-term access key of a user or root user.
type AccessKey struct {
	ID       string
	Secret   string // only in the answer that makes the key
	UserName string // "" for the root user
	Active   bool
	Created  time.Time
}

// AccessKeyUse is when and where a key was last used. Service and Region are "N/A" for a key that was not.
type AccessKeyUse struct {
	UserName        string
	At              time.Time // zero if never
	Service, Region string
}

// insertAccessKey makes a key and its row.
func (d *Directory) insertAccessKey(tx *sql.Tx, account, owner string, now time.Time) (*AccessKey, error) {
	k := &AccessKey{ID: newAccessKeyID(longTermPrefix, account), Secret: newSecret(), Active: true, Created: stored(now)}
	_, err := tx.Exec(`INSERT INTO iam_access_key (id, account, owner, secret, active, created, used, used_service, used_region) VALUES ($1, $2, $3, $4, $5, $6, 0, '', '')`,
		k.ID, account, owner, d.seals.seal([]byte(k.Secret), k.ID), true, sql.Micros(now))
	return k, err
}

// keyOwner is the user, or root user, whose keys an operation means.
type keyOwner struct {
	account, id, name string
	user              *entity // nil for the root user
}

// reachKeys finds whose keys are meant (userName "" is the caller) and authorises action on it.
func (d *Directory) reachKeys(ctx context.Context, action, userName string) (*keyOwner, error) {
	if userName == "" {
		var err error
		if userName, err = d.callerUser(ctx); err != nil {
			return nil, err
		}
	}
	if userName == "" { // the root user's own keys
		account, err := callerAccount(ctx)
		if err != nil {
			return nil, err
		}
		return &keyOwner{account: account, id: account}, d.Authorize(ctx, action, &Resource{ARN: arn.IAM(account, "root")})
	}
	e, err := d.reach(ctx, action, Ref{KindUser, userName}, Resource{})
	if err != nil {
		return nil, err
	}
	return &keyOwner{account: e.account, id: e.id, name: e.name, user: e}, nil
}

// CreateAccessKey makes an access key for a user; "" is the caller itself. The secret is shown only here. Faults: NoSuchEntity, LimitExceeded (IAM-4).
func (d *Directory) CreateAccessKey(ctx context.Context, userName string) (*AccessKey, error) {
	o, err := d.reachKeys(ctx, "iam:CreateAccessKey", userName)
	if err != nil {
		return nil, err
	}
	var k *AccessKey
	err = d.commit(ctx, o.account, func(tx *sql.Tx) error {
		if o.user != nil {
			if err := o.user.stands(tx); err != nil {
				return err
			}
		}
		n, err := tx.Count(`SELECT COUNT(*) FROM iam_access_key WHERE owner = $1`, o.id)
		if err != nil {
			return err
		}
		if n >= mostKeysPerUser {
			return fault.New(fault.LimitExceeded, "Cannot exceed quota for AccessKeysPerUser: %d", mostKeysPerUser)
		}
		k, err = d.insertAccessKey(tx, o.account, o.id, d.options.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	k.UserName = o.name
	return k, nil
}

// AccessKeys returns a page of a user's keys, without secrets; "" is the caller itself.
func (d *Directory) AccessKeys(ctx context.Context, userName string, p Page) ([]AccessKey, string, error) {
	o, err := d.reachKeys(ctx, "iam:ListAccessKeys", userName)
	if err != nil {
		return nil, "", err
	}
	var out []AccessKey
	err = d.db.Rows(ctx, `SELECT id, active, created FROM iam_access_key WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3`, sql.Args(o.id, p.After, p.limit()+1), func(row sql.Scanner) error {
		k := AccessKey{UserName: o.name}
		var created int64
		err := row.Scan(&k.ID, &k.Active, &created)
		k.Created = sql.Time(created)
		out = append(out, k)
		return err
	})
	out, next := cut(p, out, func(k *AccessKey) string { return k.ID })
	return out, next, err
}

// UpdateAccessKey makes a key active or inactive. An inactive one, its sessions and its registry passwords are refused at the next request (API-15).
func (d *Directory) UpdateAccessKey(ctx context.Context, userName, id string, active bool) error {
	return d.changeKey(ctx, "iam:UpdateAccessKey", userName, id, func(tx *sql.Tx, owner string) (int64, error) {
		return tx.Exec(`UPDATE iam_access_key SET active = $1 WHERE id = $2 AND owner = $3`, active, id, owner)
	})
}

// DeleteAccessKey deletes a key: it, its sessions and its registry passwords are unknown at the next request (API-15, H69, H70).
func (d *Directory) DeleteAccessKey(ctx context.Context, userName, id string) error {
	return d.changeKey(ctx, "iam:DeleteAccessKey", userName, id, func(tx *sql.Tx, owner string) (int64, error) {
		return tx.Exec(`DELETE FROM iam_access_key WHERE id = $1 AND owner = $2`, id, owner)
	})
}

func (d *Directory) changeKey(ctx context.Context, action, userName, id string, f func(tx *sql.Tx, owner string) (int64, error)) error {
	o, err := d.reachKeys(ctx, action, userName)
	if err != nil {
		return err
	}
	return d.commit(ctx, o.account, func(tx *sql.Tx) error {
		n, err := f(tx, o.id)
		if err == nil && n == 0 {
			err = noSuchKey(id)
		}
		return err
	})
}

func noSuchKey(id string) error {
	return fault.New(fault.NoSuchEntity, "The Access Key with id %s cannot be found.", id)
}

// AccessKeyLastUsed tells when a key of the caller's account was last used, to the minute.
func (d *Directory) AccessKeyLastUsed(ctx context.Context, id string) (*AccessKeyUse, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	d.flushUses(ctx)
	var u AccessKeyUse
	var owner, path string
	var used int64
	err = d.db.Row(ctx, `SELECT k.owner, COALESCE(u.name, ''), COALESCE(u.path, ''), k.used, k.used_service, k.used_region
		FROM iam_access_key k LEFT JOIN iam_user u ON u.id = k.owner WHERE k.id = $1 AND k.account = $2`, sql.Args(id, account),
		&owner, &u.UserName, &path, &used, &u.Service, &u.Region)
	missing := errors.Is(err, sql.ErrNoRows)
	if err != nil && !missing {
		return nil, err
	}
	r := Resource{ARN: "*"}
	switch {
	case missing:
	case owner == account:
		r.ARN = arn.IAM(account, "root")
	default:
		r.ARN = arn.IAM(account, "user"+path+u.UserName)
		if r.Tags, err = d.tags(ctx, owner); err != nil {
			return nil, err
		}
	}
	if err := d.Authorize(ctx, "iam:GetAccessKeyLastUsed", &r); err != nil {
		return nil, err
	}
	if missing {
		return nil, noSuchKey(id)
	}
	if used == 0 {
		u.Service, u.Region = "N/A", "N/A"
	} else {
		u.At = sql.Time(used)
	}
	return &u, nil
}
