package org

import (
	"context"
	"slices"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Service is a service of AWS that an organization trusts, or that an account administers for it.
type Service struct {
	Principal string // "config.amazonaws.com"
	Enabled   time.Time
}

// enterService is enter for what concerns one service. Fault: InvalidInput, if there is no such service.
func (o *Organizations) enterService(ctx context.Context, action, service string, targets ...string) (*Organization, error) {
	f, err := o.enter(ctx, access{action: action, targets: targets, request: iam.Resource{Keys: map[string]string{"organizations:serviceprincipal": service}}})
	if err != nil {
		return nil, err
	}
	return f, o.knows(ctx, service)
}

// knows fails unless a service principal is one that AWS lists as working with organizations, or one that is registered in this installation.
func (o *Organizations) knows(ctx context.Context, service string) error {
	if slices.Contains(integrated(), service) {
		return nil
	}
	if registered, err := o.directory.HasService(ctx, service); err != nil || registered {
		return err
	}
	return invalid("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")
}

// EnableServiceAccess lets a service act in all accounts of the organization; one that may already, stays (ORG-22). Faults: InvalidInput.
func (o *Organizations) EnableServiceAccess(ctx context.Context, service string) error {
	f, err := o.enterService(ctx, "EnableAWSServiceAccess", service)
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.stands(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO org_service_access (organization, service, enabled) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			f.ID, service, sql.Micros(o.options.Now()))
		return err
	})
}

// DisableServiceAccess ends it; a service that had none is ignored. Faults: ConstraintViolation while an account administers the service, InvalidInput.
func (o *Organizations) DisableServiceAccess(ctx context.Context, service string) error {
	f, err := o.enterService(ctx, "DisableAWSServiceAccess", service)
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if used, err := there(tx, `SELECT COUNT(*) FROM org_delegation WHERE organization = $1 AND service = $2`, f.ID, service); err != nil || used {
			return orElse(err, violation("DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
				"You must deregister the delegated administrators of the service before you disable its access to the organization."))
		}
		_, err := tx.Exec(`DELETE FROM org_service_access WHERE organization = $1 AND service = $2`, f.ID, service)
		return err
	})
}

// ServiceAccess returns a page of the services that may act in the organization, by name.
func (o *Organizations) ServiceAccess(ctx context.Context, p Page) ([]Service, string, error) {
	f, err := o.enter(ctx, access{action: "ListAWSServiceAccessForOrganization", by: readers})
	if err != nil {
		return nil, "", err
	}
	out, err := gather(func(scan func(sql.Scanner) error) error {
		return o.db.Rows(ctx, `SELECT service, enabled FROM org_service_access WHERE organization = $1 AND service > $2 ORDER BY service LIMIT $3`,
			sql.Args(f.ID, p.After, p.limit()+1), scan)
	}, scanService)
	out, next := cut(p, out, func(s *Service) string { return s.Principal })
	return out, next, err
}

func scanService(row sql.Scanner) (Service, error) {
	var s Service
	var enabled int64
	err := row.Scan(&s.Principal, &enabled)
	s.Enabled = sql.Time(enabled)
	return s, err
}

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
			return orElse(err, violation("CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", "You cannot register a suspended account as delegated administrator."))
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
			return orElse(err, errNotRegistered())
		}
		out, err = gather(func(scan func(sql.Scanner) error) error {
			return tx.Rows(`SELECT service, enabled FROM org_delegation WHERE organization = $1 AND account = $2 AND service > $3 ORDER BY service LIMIT $4`,
				sql.Args(f.ID, account, p.After, p.limit()+1), scan)
		}, scanService)
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
		out, err = gather(func(scan func(sql.Scanner) error) error {
			return tx.Rows(`SELECT account, MIN(enabled) FROM org_delegation WHERE organization = $1 AND (service = $2 OR $3 = '') AND account > $4
				GROUP BY account ORDER BY account LIMIT $5`, sql.Args(f.ID, service, service, p.After, p.limit()+1), scan)
		}, func(row sql.Scanner) (DelegatedAdministrator, error) {
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

// integrated are the services that AWS lists as working with organizations, and those of them that concern a registry.
func integrated() []string {
	return []string{
		"access-analyzer.amazonaws.com", "account.amazonaws.com", "appstream.amazonaws.com", "application-signals.cloudwatch.amazonaws.com", "auditmanager.amazonaws.com",
		"aws-artifact-account-sync.amazonaws.com", "aws-artifact.amazonaws.com", "backup.amazonaws.com", "billing-cost-management.amazonaws.com",
		"bcm-data-exports.amazonaws.com", "chatbot.amazonaws.com", "cloudtrail.amazonaws.com", "codeguru-reviewer.amazonaws.com", "codebuild.amazonaws.com",
		"compute-optimizer.amazonaws.com", "config-multiaccountsetup.amazonaws.com", "config.amazonaws.com", "controltower.amazonaws.com",
		"cost-optimization-hub.bcm.amazonaws.com", "ctrail.amazonaws.com", "deadline.amazonaws.com", "declarative-policies-ec2.amazonaws.com", "detective.amazonaws.com",
		"devops-guru.amazonaws.com", "ds.amazonaws.com", "ec2.amazonaws.com", "ec2.capacitymanager.amazonaws.com", "ecr.amazonaws.com",
		"replication.ecr.amazonaws.com", "pullthroughcache.ecr.amazonaws.com", "eks.amazonaws.com", "ecs.amazonaws.com", "fms.amazonaws.com",
		"guardduty.amazonaws.com", "health.amazonaws.com", "iam.amazonaws.com", "inspector2.amazonaws.com", "ipam.amazonaws.com",
		"license-manager-linux-subscriptions.amazonaws.com", "license-manager-user-subscriptions.amazonaws.com", "license-manager.amazonaws.com",
		"license-manager.member-account.amazonaws.com", "license-management.marketplace.amazonaws.com", "macie.amazonaws.com", "malware-protection.guardduty.amazonaws.com",
		"mgn.amazonaws.com", "member.org.stacksets.cloudformation.amazonaws.com", "networkmanager.amazonaws.com", "notifications.amazonaws.com",
		"observabilityadmin.amazonaws.com", "opsdatasync.ssm.amazonaws.com", "private-marketplace.marketplace.amazonaws.com",
		"procurement-insights.marketplace.amazonaws.com", "q.amazonaws.com", "ram.amazonaws.com", "reachabilityanalyzer.networkinsights.amazonaws.com",
		"reporting.trustedadvisor.amazonaws.com", "resource-explorer-2.amazonaws.com", "resiliencehub.amazonaws.com", "rolesanywhere.amazonaws.com", "s3.amazonaws.com",
		"security-ir.amazonaws.com", "securityhub.amazonaws.com", "securitylake.amazonaws.com", "servicecatalog.amazonaws.com", "servicequotas.amazonaws.com",
		"ssm-quicksetup.amazonaws.com", "ssm.amazonaws.com", "sso.amazonaws.com", "stacksets.cloudformation.amazonaws.com", "storage-lens.s3.amazonaws.com",
		"support.amazonaws.com", "tagpolicies.tag.amazonaws.com", "trustedadvisor.amazonaws.com", "user-notifications.amazonaws.com", "vpc-lattice.amazonaws.com",
		"wellarchitected.amazonaws.com", "wlz.vpce.amazonaws.com",
	}
}
