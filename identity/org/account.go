package org

import (
	"cmp"
	"context"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Account is an account of an organization (ORG-14).
type Account struct {
	ID, ARN, Name, Email string
	State                iam.AccountState
	Method               string // CREATED or INVITED
	Joined               time.Time
	// Path is the way from the root to the account, itself included (ORG-5).
	Path string
}

const accountQuery = `SELECT a.account, i.name, i.email, i.state, a.method, a.joined, n.path FROM org_account a
	JOIN iam_account i ON i.id = a.account JOIN org_node n ON n.id = a.parent WHERE `

// accounts reads the accounts of the organization that a condition names.
func (f *Organization) accounts(tx *sql.Tx, where string, args ...any) ([]Account, error) {
	return sql.Gather(tx.Rows, accountQuery+where, args,
		func(row sql.Scanner) (a Account, err error) {
			var joined int64
			err = row.Scan(&a.ID, &a.Name, &a.Email, &a.State, &a.Method, &joined, &a.Path)
			a.Joined, a.ARN, a.Path = sql.Time(joined), f.ARNOf(a.ID), a.Path+a.ID+"/"
			return a, err
		})
}

// Accounts returns a page of all accounts of the organization, by id (ORG-14).
func (o *Organizations) Accounts(ctx context.Context, p Page) (list []Account, next string, err error) {
	f, err := o.enter(ctx, access{action: "ListAccounts", by: readers})
	if err != nil {
		return nil, "", err
	}
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		list, err = f.accounts(tx, `a.organization = $1 AND a.account > $2 ORDER BY a.account LIMIT $3`, f.ID, p.After, p.limit()+1)
		return err
	})
	list, next = cut(p, list, func(a *Account) string { return a.ID })
	return list, next, err
}

// AccountsOf returns a page of the accounts directly under a root or unit, by id (ORG-14). Faults: ParentNotFound.
func (o *Organizations) AccountsOf(ctx context.Context, parent string, p Page) ([]Account, string, error) {
	f, err := o.enter(ctx, access{action: "ListAccountsForParent", by: readers, targets: []string{parent}})
	if err != nil {
		return nil, "", err
	}
	return o.accountsUnder(ctx, f, parent, p)
}

func (o *Organizations) accountsUnder(ctx context.Context, f *Organization, parent string, p Page) (list []Account, next string, err error) {
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		if _, err := f.pathOf(tx, parent, noParent()); err != nil {
			return err
		}
		list, err = f.accounts(tx, `a.parent = $1 AND a.account > $2 ORDER BY a.account LIMIT $3`, parent, p.After, p.limit()+1)
		return err
	})
	list, next = cut(p, list, func(a *Account) string { return a.ID })
	return list, next, err
}

// Account returns an account of the organization (ORG-14). Faults: AccountNotFound.
func (o *Organizations) Account(ctx context.Context, id string) (*Account, error) {
	f, err := o.enter(ctx, access{action: "DescribeAccount", by: readers, targets: []string{id}})
	if err != nil {
		return nil, err
	}
	var a *Account
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		a, err = f.account(tx, id)
		return err
	})
	return a, err
}

func (f *Organization) account(tx *sql.Tx, id string) (*Account, error) {
	found, err := f.accounts(tx, `a.account = $1 AND a.organization = $2`, id, f.ID)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.AccountNotFound, "You specified an account that doesn't exist.")
	}
	return &found[0], nil
}

// MoveAccount puts an account that is directly under one root or unit under another (ORG-15); the next decision about it knows (ORG-8). Faults: AccountNotFound,
// SourceParentNotFound, DestinationParentNotFound, AccountAlreadyThere.
func (o *Organizations) MoveAccount(ctx context.Context, id, from, to string) error {
	f, err := o.enter(ctx, access{action: "MoveAccount", targets: []string{id, from, to}})
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		a, err := f.account(tx, id)
		if err != nil {
			return err
		}
		source, err := f.pathOf(tx, from, noSource())
		if err != nil {
			return err
		}
		destination, err := f.pathOf(tx, to, fault.New(fault.DestinationParentNotFound, "We can't find the destination container (a root or OU) with the ParentId that you specified."))
		if err != nil {
			return err
		}
		switch a.Path {
		case destination + id + "/":
			return fault.New(fault.AccountAlreadyThere, "You specified an account that is already present in the destination.")
		case source + id + "/":
		default:
			return noSource()
		}
		_, err = tx.Exec(`UPDATE org_account SET parent = $1 WHERE account = $2`, to, id)
		return err
	}, id)
}

func noSource() *fault.Error {
	return fault.New(fault.SourceParentNotFound, "We can't find a source root or OU with the ParentId that you specified.")
}

// CloseAccount takes a member account out of use (ORG-17): its credentials are unknown from the next request on, and nobody reaches what is in it. It stays in the
// organization, suspended. Faults: AccountNotFound, AccountAlreadyClosed, ConstraintViolation for the management account.
func (o *Organizations) CloseAccount(ctx context.Context, id string) error {
	f, err := o.enter(ctx, access{action: "CloseAccount", targets: []string{id}})
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		a, err := f.account(tx, id)
		switch {
		case err != nil:
			return err
		case id == f.Management:
			return violation("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account of an organization with this operation.")
		case a.State != iam.AccountActive:
			return fault.New(fault.AccountAlreadyClosed, "You attempted to close an account that is already closed.")
		}
		return o.directory.SetAccountState(tx, id, iam.AccountSuspended)
	}, id)
}

// RemoveAccount takes a member account out of the organization, to stand alone (ORG-17). Faults: AccountNotFound, ManagementAccountCannotLeave,
// ConstraintViolation for a delegated administrator.
func (o *Organizations) RemoveAccount(ctx context.Context, id string) error {
	f, err := o.enter(ctx, access{action: "RemoveAccountFromOrganization", targets: []string{id}})
	if err != nil {
		return err
	}
	return o.leave(ctx, f, id, "You can't remove a management account from an organization.")
}

// LeaveOrganization takes the caller's own account out of its organization (ORG-17). Faults: OrganizationsNotInUse, ManagementAccountCannotLeave,
// ConstraintViolation for a delegated administrator.
func (o *Organizations) LeaveOrganization(ctx context.Context) error {
	f, err := o.enter(ctx, access{action: "LeaveOrganization", by: members})
	if err != nil {
		return err
	}
	return o.leave(ctx, f, iam.From(ctx).Principal.Account, "The management account can't leave the organization: delete the organization instead.")
}

func (o *Organizations) leave(ctx context.Context, f *Organization, id, refusal string) error {
	return o.commit(ctx, func(tx *sql.Tx) error {
		if _, err := f.account(tx, id); err != nil {
			return err
		}
		if id == f.Management {
			return fault.New(fault.ManagementAccountCannotLeave, "%s", refusal)
		}
		if ok, err := f.administers(tx, id); err != nil || ok {
			return cmp.Or[error](err, violation("CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
				"You can't remove an account that is a delegated administrator from the organization. Deregister it first."))
		}
		if err := o.clearTarget(tx, f.ID, id); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM org_account WHERE account = $1`, id)
		return err
	}, id)
}
