package org

import (
	"cmp"
	"context"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// AttachPolicy hangs a policy on a root, unit or account; it binds the very next request (ORG-18). Faults: PolicyNotFound, TargetNotFound, PolicyTypeNotEnabled,
// PolicyAlreadyAttached, ConstraintViolation for too many (ORG-19).
func (o *Organizations) AttachPolicy(ctx context.Context, id, target string) error {
	f, err := o.enter(ctx, access{action: "AttachPolicy", targets: []string{id, target}})
	if err != nil {
		return err
	}
	p, err := o.findPolicy(ctx, f, id)
	if err != nil {
		return err
	}
	most, _ := p.Type.rules()
	return o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.hasTarget(tx, target); err != nil {
			return err
		}
		if !p.AWSManaged {
			if ok, err := there(tx, `SELECT COUNT(*) FROM org_policy WHERE id = $1`, id); err != nil || !ok {
				return cmp.Or[error](err, errNoPolicy())
			}
		}
		if err := f.hasType(tx, p.Type); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO org_attachment (target, type, policy, organization) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, target, string(p.Type), id, f.ID)
		if err != nil || n == 0 {
			return cmp.Or[error](err, fault.New(fault.PolicyAlreadyAttached, "The selected policy is already attached to the specified target."))
		}
		if n, err := attachments(tx, target, p.Type); err != nil || n > most.attachments {
			return cmp.Or[error](err, violation("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You have attached the maximum number of policies to the specified target."))
		}
		return nil
	}, f.ID)
}

// DetachPolicy takes a policy off a root, unit or account. The last service control policy stays, and so does RCPFullAWSAccess (ORG-20, ORG-21).
// Faults: PolicyNotFound, TargetNotFound, PolicyNotAttached, ConstraintViolation, InvalidInput.
func (o *Organizations) DetachPolicy(ctx context.Context, id, target string) error {
	f, err := o.enter(ctx, access{action: "DetachPolicy", targets: []string{id, target}})
	if err != nil {
		return err
	}
	p, err := o.findPolicy(ctx, f, id)
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.hasTarget(tx, target); err != nil {
			return err
		}
		n, err := tx.Exec(`DELETE FROM org_attachment WHERE target = $1 AND type = $2 AND policy = $3 AND organization = $4`, target, string(p.Type), id, f.ID)
		if err != nil || n == 0 {
			return cmp.Or[error](err, fault.New(fault.PolicyNotAttached, "The policy isn't attached to the specified target in the specified root."))
		}
		if p.ID == rcpFullAccess {
			return invalid("NON_DETACHABLE_POLICY", "You can't detach this AWS managed policy.")
		}
		if p.Type != ServiceControlPolicy {
			return nil
		}
		if n, err := attachments(tx, target, p.Type); err != nil || n == 0 {
			return cmp.Or[error](err, violation("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
				"You cannot remove the last policy attached to the specified target. You must have at least one attached at all times."))
		}
		return nil
	}, f.ID)
}

// attachments counts the policies of one type on a root, unit or account.
func attachments(tx *sql.Tx, target string, t PolicyType) (int, error) {
	return tx.Count(`SELECT COUNT(*) FROM org_attachment WHERE target = $1 AND type = $2`, target, string(t))
}

// hasTarget fails unless the id is of a root, unit or account of the organization.
func (f *Organization) hasTarget(tx *sql.Tx, id string) error {
	switch kindOf(id) {
	case kindRoot, kindUnit, kindAccount:
		return f.holds(tx, id)
	}
	return errNoTarget()
}

// hasType fails unless the policy type is enabled.
func (f *Organization) hasType(tx *sql.Tx, t PolicyType) error {
	ok, err := there(tx, `SELECT COUNT(*) FROM org_policy_type WHERE organization = $1 AND type = $2`, f.ID, string(t))
	if err == nil && !ok {
		err = fault.New(fault.PolicyTypeNotEnabled, "This operation can be performed only for enabled policy types.")
	}
	return err
}

// PoliciesForTarget returns a page of the policies of one type that hang on a root, unit or account itself, by id. Faults: TargetNotFound.
func (o *Organizations) PoliciesForTarget(ctx context.Context, target string, t PolicyType, p Page) ([]Policy, string, error) {
	f, err := o.enter(ctx, access{action: "ListPoliciesForTarget", by: readers, targets: []string{target}, request: iam.Resource{Keys: ofType(t)}})
	if err != nil {
		return nil, "", err
	}
	var out []Policy
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		if err := f.hasTarget(tx, target); err != nil {
			return err
		}
		out, err = sql.Gather(tx.Rows, `SELECT a.policy, a.type, COALESCE(p.name, ''), COALESCE(p.description, '') FROM org_attachment a LEFT JOIN org_policy p ON p.id = a.policy
				WHERE a.target = $1 AND a.type = $2 AND a.policy > $3 ORDER BY a.policy LIMIT $4`, sql.Args(target, string(t), p.After, p.limit()+1), func(row sql.Scanner) (Policy, error) {
			x, err := scanPolicy(f, row)
			if aws := awsPolicy(x.ID); aws != nil {
				x = *aws
			}
			return x, err
		})
		return err
	})
	out, next := cut(p, out, func(x *Policy) string { return x.ID })
	return out, next, err
}

// Target is a root, unit or account that a policy hangs on.
type Target struct {
	ID, ARN, Name string
	Type          string // ROOT, ORGANIZATIONAL_UNIT, ACCOUNT
}

// TargetsForPolicy returns a page of what a policy hangs on, by id. Faults: PolicyNotFound.
func (o *Organizations) TargetsForPolicy(ctx context.Context, id string, p Page) ([]Target, string, error) {
	f, err := o.enter(ctx, access{action: "ListTargetsForPolicy", by: readers, targets: []string{id}})
	if err != nil {
		return nil, "", err
	}
	if _, err := o.findPolicy(ctx, f, id); err != nil {
		return nil, "", err
	}
	out, err := sql.Gather(o.db.In(ctx), `SELECT a.target, COALESCE(n.name, i.name, '') FROM org_attachment a LEFT JOIN org_node n ON n.id = a.target LEFT JOIN iam_account i ON i.id = a.target
			WHERE a.organization = $1 AND a.policy = $2 AND a.target > $3 ORDER BY a.target LIMIT $4`, sql.Args(f.ID, id, p.After, p.limit()+1), func(row sql.Scanner) (Target, error) {
		var t Target
		err := row.Scan(&t.ID, &t.Name)
		t.ARN, t.Type = f.ARNOf(t.ID), "ORGANIZATIONAL_UNIT"
		switch kindOf(t.ID) {
		case kindRoot:
			t.Type = "ROOT"
		case kindAccount:
			t.Type = "ACCOUNT"
		}
		return t, err
	})
	out, next := cut(p, out, func(x *Target) string { return x.ID })
	return out, next, err
}
