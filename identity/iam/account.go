package iam

import (
	"context"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// Account is one account.
type Account struct {
	ID, Name string
	// Alias is another name for signing in; "" if it has none.
	Alias string
	// Email is the account's own address; one made without is at account.invalid.
	Email   string
	State   AccountState
	Created time.Time
}

// AccountState says whether an account is in use (ORG-14).
type AccountState string

// The states of an account. What is not active signs nothing, and nobody reaches what is in it.
const (
	AccountActive    AccountState = "ACTIVE"
	AccountSuspended AccountState = "SUSPENDED"
)

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
	var a *Account
	var key *AccessKey
	err := d.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if a, err = d.insertAccount(tx, n.ID, n.Name, "", now); err != nil {
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
		if c := callOf(ctx); c != nil {
			if err := c.Record(tx, d.log); err != nil {
				return err
			}
		}
		return tx.Changed(d.epoch, a.ID)
	})
	if err != nil {
		return nil, nil, err
	}
	return a, key, nil
}

// insertAccount makes the row of an account: a random id, the id as name, and an address that nobody has, unless they are given. It fails with EntityAlreadyExists
// if the id or the address is taken.
func (d *Directory) insertAccount(tx *sql.Tx, id, name, email string, now time.Time) (*Account, error) {
	a := &Account{ID: id, Name: name, Email: email, State: AccountActive, Created: stored(now)}
	if a.ID == "" {
		a.ID = newAccountID()
	}
	if a.Name == "" {
		a.Name = a.ID
	}
	if a.Email == "" {
		a.Email = a.ID + "@account.invalid"
	}
	if there, err := tx.Count(`SELECT COUNT(*) FROM iam_account WHERE id = $1`, a.ID); err != nil {
		return nil, err
	} else if there > 0 {
		return nil, fault.New(fault.EntityAlreadyExists, "Account with id %s already exists.", a.ID)
	}
	if there, err := tx.Count(`SELECT COUNT(*) FROM iam_account WHERE LOWER(email) = LOWER($1)`, a.Email); err != nil {
		return nil, err
	} else if there > 0 {
		return nil, fault.New(fault.EntityAlreadyExists, "Account with email %s already exists.", a.Email)
	}
	if _, err := tx.Exec(`INSERT INTO iam_account (id, name, email, created) VALUES ($1, $2, $3, $4)`, a.ID, a.Name, a.Email, sql.Micros(now)); err != nil {
		return nil, err
	}
	return a, tx.Changed(d.epoch, a.ID)
}

const accountColumns = `id, name, COALESCE(alias, ''), email, state, created`

func readAccount(row sql.Scanner) (a Account, err error) {
	var created int64
	err = row.Scan(&a.ID, &a.Name, &a.Alias, &a.Email, &a.State, &created)
	a.Created = sql.Time(created)
	return a, err
}

// account returns the account that a condition names.
func (d *Directory) account(ctx context.Context, where string, args ...any) (*Account, error) {
	found, err := sql.Gather(d.db.In(ctx), `SELECT `+accountColumns+` FROM iam_account `+where, args, readAccount)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NoSuchEntity, "The account cannot be found.")
	}
	return &found[0], nil
}

// Account returns an account; NoSuchEntity.
func (d *Directory) Account(ctx context.Context, id string) (*Account, error) {
	return d.account(ctx, `WHERE id = $1`, id)
}

// AccountByEmail returns the account with an address, without regard to case; NoSuchEntity.
func (d *Directory) AccountByEmail(ctx context.Context, email string) (*Account, error) {
	return d.account(ctx, `WHERE LOWER(email) = LOWER($1)`, email)
}

// FirstAccount returns the account that the installation began with; NoSuchEntity before there is any.
func (d *Directory) FirstAccount(ctx context.Context) (*Account, error) {
	return d.account(ctx, `WHERE created = (SELECT min(created) FROM iam_account) ORDER BY id LIMIT 1`)
}

// Accounts returns a page of all accounts, by id.
func (d *Directory) Accounts(ctx context.Context, p Page) ([]Account, string, error) {
	found, err := sql.Gather(d.db.In(ctx), `SELECT `+accountColumns+` FROM iam_account WHERE id > $1 ORDER BY id LIMIT $2`, sql.Args(p.After, p.limit()+1), readAccount)
	if err != nil {
		return nil, "", err
	}
	page, next := cut(p, found, func(a *Account) string { return a.ID })
	return page, next, nil
}

// stored is t as it will be read again.
func stored(t time.Time) time.Time { return sql.Time(sql.Micros(t)) }
