package org

import (
	"cmp"
	"context"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// RegisterDelegatedAdministrator lets an account administer a service for the organization: it may read the organization from then on (ORG-22, ORG-24). The service
// need not have access to the organization yet. Faults: AccountNotFound, AccountAlreadyRegistered, ConstraintViolation for the management account, InvalidInput.
func (o *Organizations) RegisterDelegatedAdministrator(ctx context.Context, account, service string) error {
	f, err := o.enterService(ctx, "RegisterDelegatedAdministrator", service, account)
	if err != nil {
		return err
	}
	if account == f.Management {
		return violation("CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
			"You cannot register master account/yourself as delegated administrator for your organization.")
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.hasAccount(tx, account); err != nil {
			return err
		}
		if closed, err := o.directory.Closed(tx, account); err != nil || closed {
			return cmp.Or[error](err, violation("CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", "You cannot register a suspended account as delegated administrator."))
		}
		n, err := tx.Exec(`INSERT INTO org_delegation (organization, account, service, enabled) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			f.ID, account, service, sql.Micros(o.options.Now()))
		if err == nil && n == 0 {
			err = fault.New(fault.AccountAlreadyRegistered, "The provided account is already a delegated administrator for your organization.")
		}
		return err
	})
}

// hasAccount fails unless the account is in the organization.
func (f *Organization) hasAccount(tx *sql.Tx, account string) error {
	ok, err := there(tx, `SELECT COUNT(*) FROM org_account WHERE organization = $1 AND account = $2`, f.ID, account)
	if err == nil && !ok {
		err = fault.New(fault.AccountNotFound, "You specified an account that doesn't exist.")
	}
	return err
}

func errNotRegistered() error {
	return fault.New(fault.AccountNotRegistered, "The provided account is not a registered delegated administrator for your organization.")
}

// DeregisterDelegatedAdministrator ends that. Faults: AccountNotFound, AccountNotRegistered, InvalidInput.
func (o *Organizations) DeregisterDelegatedAdministrator(ctx context.Context, account, service string) error {
	f, err := o.enterService(ctx, "DeregisterDelegatedAdministrator", service, account)
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.hasAccount(tx, account); err != nil {
			return err
		}
		n, err := tx.Exec(`DELETE FROM org_delegation WHERE organization = $1 AND account = $2 AND service = $3`, f.ID, account, service)
		if err == nil && n == 0 {
			err = errNotRegistered()
		}
		return err
	})
}

// administers answers whether an account is a delegated administrator of some service.
func (f *Organization) administers(tx *sql.Tx, account string) (bool, error) {
	return there(tx, `SELECT COUNT(*) FROM org_delegation WHERE organization = $1 AND account = $2`, f.ID, account)
}

// DelegatedServices returns a page of the services that an account administers, by name. Faults: AccountNotFound, AccountNotRegistered.
func (o *Organizations) DelegatedServices(ctx context.Context, account string, p Page) ([]Service, string, error) {
	f, err := o.enter(ctx, access{action: "ListDelegatedServicesForAccount", by: readers, targets: []string{account}})
	if err != nil {
		return nil, "", err
	}
	var out []Service
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		if err := f.hasAccount(tx, account); err != nil {
			return err
		}
		if ok, err := f.administers(tx, account); err != nil || !ok {
			return cmp.Or[error](err, errNotRegistered())
		}
		out, err = sql.Gather(tx.Rows, `SELECT service, enabled FROM org_delegation WHERE organization = $1 AND account = $2 AND service > $3 ORDER BY service LIMIT $4`,
			sql.Args(f.ID, account, p.After, p.limit()+1), scanService)
		return err
	})
	out, next := cut(p, out, func(s *Service) string { return s.Principal })
	return out, next, err
}

// DelegatedAdministrator is an account that administers services for its organization.
type DelegatedAdministrator struct {
	Account
	Since time.Time
}

// DelegatedAdministrators returns a page of the accounts that administer a service, "" for any, by id (ORG-22). Faults: InvalidInput.
func (o *Organizations) DelegatedAdministrators(ctx context.Context, service string, p Page) ([]DelegatedAdministrator, string, error) {
	a := access{action: "ListDelegatedAdministrators", by: readers}
	if service != "" {
		a.request.Keys = map[string]string{"organizations:serviceprincipal": service}
	}
	f, err := o.enter(ctx, a)
	if err != nil {
		return nil, "", err
	}
	if service != "" {
		if err := o.knows(ctx, service); err != nil {
			return nil, "", err
		}
	}
	var out []DelegatedAdministrator
	err = o.db.View(ctx, func(tx *sql.Tx) (err error) {
		out, err = sql.Gather(tx.Rows, `SELECT account, MIN(enabled) FROM org_delegation WHERE organization = $1 AND (service = $2 OR $3 = '') AND account > $4
				GROUP BY account ORDER BY account LIMIT $5`, sql.Args(f.ID, service, service, p.After, p.limit()+1), func(row sql.Scanner) (DelegatedAdministrator, error) {
			var d DelegatedAdministrator
			var enabled int64
			err := row.Scan(&d.ID, &enabled)
			d.Since = sql.Time(enabled)
			return d, err
		})
		if err != nil {
			return err
		}
		for i := range out { // at most a page
			account, err := f.account(tx, out[i].ID)
			if err != nil {
				return err
			}
			out[i].Account = *account
		}
		return nil
	})
	out, next := cut(p, out, func(d *DelegatedAdministrator) string { return d.ID })
	return out, next, err
}
