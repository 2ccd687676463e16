package iam

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// linkedService is an AWS service whose own role berth makes (IAM-12): the service alone may assume it, it may do what its policy says, and users can tag and
// describe it but not change it.
type linkedService struct {
	role, policy string // names of the role, and of the policy of AWS that hangs on it
}

// checkNotLinked keeps the names of service-linked roles for their services: a role of such a name that somebody else made would pass for the service's.
func checkNotLinked(role string) error {
	if strings.HasPrefix(fold(role), fold(linkedRolePrefix)) {
		return fault.New(fault.InvalidInput, "Role names that begin with %s are reserved for service-linked roles.", linkedRolePrefix)
	}
	return nil
}

const linkedRolePrefix = "AWSServiceRoleFor"

// OrganizationsService is the service whose role every member of an organization has.
const OrganizationsService = "organizations.amazonaws.com"

// linkedServiceOf knows the services that have a part in berth.
func linkedServiceOf(service string) (linkedService, bool) {
	switch service {
	case "replication.ecr.amazonaws.com":
		return linkedService{"AWSServiceRoleForECRReplication", "ECRReplicationServiceRolePolicy"}, true
	case "pullthroughcache.ecr.amazonaws.com":
		return linkedService{"AWSServiceRoleForECRPullThroughCache", "AWSECRPullThroughCache_ServiceRolePolicy"}, true
	case "ecr.amazonaws.com":
		return linkedService{"AWSServiceRoleForECRTemplate", "ECRTemplateServiceRolePolicy"}, true
	case OrganizationsService:
		return linkedService{"AWSServiceRoleForOrganizations", "AWSOrganizationsServiceTrustPolicy"}, true
	}
	return linkedService{}, false
}

// entity is the role of the service in an account, as it will be.
func (l linkedService) entity(account, service string, now time.Time) *entity {
	return &entity{kind: KindRole, id: newID(rolePrefix), account: account, name: l.role, path: serviceRolePath + service + "/", created: stored(now)}
}

// CreateServiceLinkedRole makes the role of a service (IAM-12). None of the services that berth knows takes a custom suffix.
// Faults: InvalidInput for a service that is unknown, a suffix, or a role that is there already.
func (d *Directory) CreateServiceLinkedRole(ctx context.Context, service, description, suffix string) (*Role, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	l, known := linkedServiceOf(service)
	e := l.entity(account, service, d.options.Now())
	if !known {
		e.name = "*"
	}
	if err := d.Authorize(ctx, "iam:CreateServiceLinkedRole", &Resource{ARN: e.arn(), Keys: map[string]string{"iam:awsservicename": service}}); err != nil {
		return nil, err
	}
	if !known {
		return nil, fault.New(fault.InvalidInput, "Service %s has no service-linked role here: the services that have one are replication.ecr, pullthroughcache.ecr, ecr and organizations, each of amazonaws.com", service)
	}
	if suffix != "" {
		return nil, fault.New(fault.InvalidInput, "Custom suffix is not allowed for %s", service)
	}
	err = d.commit(ctx, account, func(tx *sql.Tx) error {
		made, err := d.putServiceLinkedRole(tx, e, l, service, description)
		if err == nil && !made {
			err = fault.New(fault.InvalidInput, "Service role name %s has been taken in this account, please try a different suffix.", l.role)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r := e.role()
	r.Description, r.Trust, r.MaxSession = description, trustOfService(service), time.Hour
	return r, nil
}

// EnsureServiceLinkedRole makes, in a transaction of the caller's, the role that a service needs in an account (IAM-12); one that is there stays. It asks
// nobody: it is for what a service does by itself, such as OrganizationsService for the accounts of an organization. Faults: InvalidInput for an unknown service.
func (d *Directory) EnsureServiceLinkedRole(tx *sql.Tx, account, service string) error {
	l, known := linkedServiceOf(service)
	if !known {
		return fault.New(fault.InvalidInput, "Service %s has no service-linked role", service)
	}
	made, err := d.putServiceLinkedRole(tx, l.entity(account, service, d.options.Now()), l, service, "")
	if err != nil || !made {
		return err
	}
	return tx.Changed(d.epoch, account)
}

// putServiceLinkedRole makes e with its policy, or finds that there is a role of its name.
func (d *Directory) putServiceLinkedRole(tx *sql.Tx, e *entity, l linkedService, service, description string) (made bool, err error) {
	n, err := tx.Exec(`INSERT INTO iam_role (id, account, name, folded, path, boundary, trust, description, max_session, created)
		VALUES ($1, $2, $3, $4, $5, '', $6, $7, 3600, $8) ON CONFLICT (account, folded) DO NOTHING`,
		e.id, e.account, e.name, fold(e.name), e.path, trustOfService(service), description, sql.Micros(e.created))
	if err != nil || n == 0 {
		return false, err
	}
	return true, attach(tx, e.account, e.id, d.managed.byARN[awsPolicyARN+serviceRolePath+l.policy].ID)
}

// trustOfService is the trust policy of a service-linked role.
func trustOfService(service string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`
}

// DeleteServiceLinkedRole deletes the role of a service, unless the service still needs it, and returns the task that DeletionOfServiceLinkedRole tells the
// outcome of. Faults: NoSuchEntity, also for a role that is not service-linked.
func (d *Directory) DeleteServiceLinkedRole(ctx context.Context, name string) (task string, err error) {
	e, err := d.reach(ctx, "iam:DeleteServiceLinkedRole", Ref{KindRole, name}, Resource{})
	if err != nil {
		return "", err
	}
	service, linked := strings.CutPrefix(e.path, serviceRolePath)
	if !linked {
		return "", noSuch(KindRole, name)
	}
	needed, err := d.needsRole(ctx, e)
	if err != nil {
		return "", err
	}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if needed { // the attempt is recorded all the same
			return nil
		}
		return tx.ExecAll(sql.Args(e.id), `DELETE FROM iam_attachment WHERE owner = $1`, `DELETE FROM iam_tag WHERE owner = $1`, `DELETE FROM iam_role WHERE id = $1`)
	})
	return deletionTask + service + e.name + "/" + base64.RawURLEncoding.EncodeToString(d.seals.seal([]byte(e.id), deletionTask+e.account)), err
}

// needsRole reports whether the service of a service-linked role still works with it.
func (d *Directory) needsRole(ctx context.Context, e *entity) (bool, error) {
	if e.path != serviceRolePath+OrganizationsService+"/" {
		return false, nil
	}
	member, err := d.memberOf(ctx, e.account)
	return member != nil, err
}

// DeletionOfServiceLinkedRole tells whether a deletion succeeded; if not, reason says why. Faults: NoSuchEntity for a task that never was.
func (d *Directory) DeletionOfServiceLinkedRole(ctx context.Context, task string) (reason string, err error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(task, deletionTask)
	parts := strings.Split(rest, "/") // service, role, and the role's id, sealed
	resource := "*"
	if ok = ok && len(parts) == 3; ok {
		resource = arn.IAM(account, "role"+serviceRolePath+parts[0]+"/"+parts[1])
	}
	if err := d.Authorize(ctx, "iam:GetServiceLinkedRoleDeletionStatus", &Resource{ARN: resource}); err != nil {
		return "", err
	}
	var roleID []byte
	if ok {
		if roleID, err = base64.RawURLEncoding.DecodeString(parts[2]); err == nil {
			roleID, err = d.seals.open(roleID, deletionTask+account)
		}
		ok = err == nil
	}
	if !ok {
		return "", fault.New(fault.NoSuchEntity, "The deletion task %s cannot be found.", task)
	}
	var n int64
	if err := d.db.Row(ctx, `SELECT COUNT(*) FROM iam_role WHERE id = $1`, sql.Args(string(roleID)), &n); err != nil || n == 0 {
		return "", err
	}
	return "The account is in an organization, which needs the role.", nil
}

// deletionTask begins the ids of deletions. They are not stored: the id holds which role it is about.
const deletionTask = "task" + serviceRolePath
