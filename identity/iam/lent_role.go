package iam

import (
	"context"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
)

// PassRole decides whether the caller may lend a role of its own account to a service, which then does by it what the caller might not (iam:PassRole). The role
// must exist. Faults: AccessDenied, Validation.
func (d *Directory) PassRole(ctx context.Context, roleARN, service string) error {
	account, err := callerAccount(ctx)
	if err != nil {
		return err
	}
	a, name, err := parseRoleARN(roleARN)
	if err != nil || a.Account != account {
		return fault.New(fault.Validation, "%s is not the ARN of a role of account %s", roleARN, account)
	}
	role, err := d.reach(ctx, "iam:PassRole", Ref{KindRole, name}, Resource{Keys: map[string]string{"iam:passedtoservice": service}})
	if fault.Is(err, fault.NoSuchEntity) || err == nil && role.arn() != roleARN {
		return fault.New(fault.Validation, "The role %s does not exist", roleARN)
	}
	return err
}

// AsLentRole is the context of what a service does, on account of the call of ctx, as a role that an account has lent to it: a session of its name. The service
// must be one that the role's trust policy lets assume it. Faults: AccessDenied, Validation.
func (d *Directory) AsLentRole(ctx context.Context, service, roleARN, session string) (context.Context, error) {
	a, name, err := parseRoleARN(roleARN)
	if err != nil {
		return nil, err
	}
	from := From(ctx)
	c := &Call{
		Principal: &policy.Principal{Type: policy.Service, ARN: service, ServiceNames: []string{service}}, Source: &Source{Account: a.Account},
		RequestID: from.RequestID, Time: from.Time, Region: from.Region, Secure: true, UserAgent: service, Host: from.Host,
	}
	role, err := d.find(ctx, KindRole, a.Account, name)
	if err != nil && !fault.Is(err, fault.NoSuchEntity) {
		return nil, err
	}
	if err != nil || role.arn() != roleARN {
		role = nil
	}
	if _, err := d.authorizeAssume(With(ctx, c), c, a.Account, role, &AssumeRole{RoleARN: roleARN, SessionName: session}, &sealedSession{}); err != nil {
		from.Audit.Decision, from.Audit.Error = "Deny", string(fault.AccessDenied)
		return nil, err
	}
	lent := &Call{
		Principal: &policy.Principal{
			Type: policy.AssumedRole, ARN: sessionARN(a.Account, role.name, session), Account: a.Account, ID: role.id, UserID: role.id + ":" + session,
			RoleARN: arn.IAM(a.Account, "role"+role.path+role.name), ServiceLinked: strings.HasPrefix(role.path, serviceRolePath),
		},
		Session:   &Session{Name: session, Issued: from.Time, Expires: from.Time.Add(time.Hour), foldedTags: map[string]string{}},
		RequestID: from.RequestID, Time: from.Time, Region: from.Region, Secure: true, UserAgent: service, Host: from.Host,
	}
	return With(ctx, lent), nil
}
