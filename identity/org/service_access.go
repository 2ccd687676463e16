package org

import (
	"cmp"
	"context"
	"slices"
	"time"

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
			return cmp.Or[error](err, violation("DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
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
	out, err := sql.Gather(o.db.In(ctx), `SELECT service, enabled FROM org_service_access WHERE organization = $1 AND service > $2 ORDER BY service LIMIT $3`,
		sql.Args(f.ID, p.After, p.limit()+1), scanService)
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
