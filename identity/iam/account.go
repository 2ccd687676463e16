package iam

import (
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// Account is one account.
type Account struct {
	ID, Name string
	// Alias is another name for signing in; "" if it has none.
	Alias   string
	Created time.Time
}

// NewAccount says what account to make.
type NewAccount struct {
	ID   string // twelve digits; "" is random
	Name string // "" is the id
	// Administrator is the name of the user to make, with AdministratorAccess and an access key. "" makes an access key of the root user instead.
	Administrator string
}

// CreateAccount makes an account with one access key that may do everything in it. It asks nobody: the caller is the first start, the operator on the
// data folder, or an operation that has authorised it. With a Call in ctx its audit record goes into the same transaction.
// Faults: EntityAlreadyExists, InvalidInput for an id that is not twelve digits.
func (d *Directory) CreateAccount(ctx context.Context, n NewAccount) (*Account, *AccessKey, error) {
	if n.ID != "" && !arn.IsAccount(n.ID) {
		return nil, nil, fault.New(fault.InvalidInput, "%q is not the id of an account: it has twelve digits", n.ID)
	}
	if n.Administrator != "" {
		if err := checkName(KindUser, n.Administrator); err != nil {
			return nil, nil, err
		}
	}
	now := d.options.Now()
	a := &Account{ID: n.ID, Name: n.Name, Created: stored(now)}
	var key *AccessKey
	err := d.db.Write(ctx, func(tx *sql.Tx) error {
		if a.ID = n.ID; a.ID == "" {
			a.ID = newAccountID()
		}
		if a.Name = n.Name; a.Name == "" {
			a.Name = a.ID
		}
		there, err := count(tx, `SELECT COUNT(*) FROM iam_account WHERE id = $1`, a.ID)
		if err != nil {
			return err
		}
		if there > 0 {
			return fault.New(fault.EntityAlreadyExists, "Account with id %s already exists.", a.ID)
		}
		if _, err := tx.Exec(`INSERT INTO iam_account (id, name, created) VALUES ($1, $2, $3)`, a.ID, a.Name, sql.Micros(now)); err != nil {
			return err
		}
		owner := a.ID
		if n.Administrator != "" {
			owner = newID(userPrefix)
			if _, err := tx.Exec(`INSERT INTO iam_user (id, account, name, folded, path, boundary, created) VALUES ($1, $2, $3, $4, '/', '', $5)`,
				owner, a.ID, n.Administrator, fold(n.Administrator), sql.Micros(now)); err != nil {
				return err
			}
			if err := attach(tx, a.ID, owner, d.managed.byARN[awsPolicyARN+"/AdministratorAccess"].ID); err != nil {
				return err
			}
		}
		if key, err = d.insertAccessKey(tx, a.ID, owner, now); err != nil {
			return err
		}
		key.UserName = n.Administrator
		if c, ok := ctx.Value(callKey{}).(*Call); ok {
			if err := d.log.Write(tx, &c.Audit); err != nil {
				return err
			}
			tx.AfterCommit(func() { c.Recorded = true })
		}
		return tx.Changed(d.epoch, a.ID)
	})
	if err != nil {
		return nil, nil, err
	}
	return a, key, nil
}

// Account returns an account; NoSuchEntity.
func (d *Directory) Account(ctx context.Context, id string) (*Account, error) {
	a := &Account{ID: id}
	var created int64
	err := d.db.Row(ctx, `SELECT name, COALESCE(alias, ''), created FROM iam_account WHERE id = $1`, sql.Args(id), &a.Name, &a.Alias, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.NoSuchEntity, "The account with id %s cannot be found.", id)
	}
	a.Created = sql.Time(created)
	return a, err
}

// Accounts returns every account, by id.
func (d *Directory) Accounts(ctx context.Context) ([]Account, error) {
	var out []Account
	err := d.db.Rows(ctx, `SELECT id, name, COALESCE(alias, ''), created FROM iam_account ORDER BY id`, nil, func(row sql.Scanner) error {
		var a Account
		var created int64
		err := row.Scan(&a.ID, &a.Name, &a.Alias, &created)
		a.Created = sql.Time(created)
		out = append(out, a)
		return err
	})
	return out, err
}

// stored is t as it will be read again.
func stored(t time.Time) time.Time { return sql.Time(sql.Micros(t)) }
