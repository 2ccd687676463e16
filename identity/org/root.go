package org

import (
	"cmp"
	"context"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Roots returns the organization's one root (ORG-11). Faults: OrganizationsNotInUse.
func (o *Organizations) Roots(ctx context.Context) ([]Root, error) {
	f, err := o.enter(ctx, access{action: "ListRoots", by: readers})
	if err != nil {
		return nil, err
	}
	var r *Root
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		r, err = f.root(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []Root{*r}, nil
}

// Root is the root of an organization and the policy types that are enabled there, by name (ORG-11).
type Root struct {
	ID, ARN, Name string
	PolicyTypes   []PolicyType
}

func (f *Organization) root(tx *sql.Tx) (*Root, error) {
	r := &Root{ID: f.Root, ARN: f.ARNOf(f.Root), Name: "Root"}
	var err error
	r.PolicyTypes, err = sql.Gather(tx.Rows, `SELECT type FROM org_policy_type WHERE organization = $1 ORDER BY type`, sql.Args(f.ID), func(row sql.Scanner) (t PolicyType, err error) { return t, row.Scan((*string)(&t)) })
	return r, err
}

// EnablePolicyType lets policies of a type hang in the tree. Of a type that binds, the policy of AWS that allows everything hangs everywhere from then on, so that nobody
// is refused who was not before (ORG-21). Faults: RootNotFound, PolicyTypeAlreadyEnabled, PolicyTypeNotAvailable, InvalidInput.
func (o *Organizations) EnablePolicyType(ctx context.Context, root string, t PolicyType) (*Root, error) {
	f, err := o.enterRoot(ctx, "EnablePolicyType", root, t)
	if err != nil {
		return nil, err
	}
	return o.changeRoot(ctx, f, func(tx *sql.Tx) error {
		if err := f.stands(tx); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO org_policy_type (organization, type) VALUES ($1, $2) ON CONFLICT DO NOTHING`, f.ID, string(t))
		if err != nil || n == 0 {
			return cmp.Or[error](err, fault.New(fault.PolicyTypeAlreadyEnabled, "The specified policy type is already enabled."))
		}
		if t.given() == "" {
			return nil
		}
		for _, targets := range []string{`SELECT id FROM org_node`, `SELECT account AS id FROM org_account`} {
			if _, err := tx.Exec(`INSERT INTO org_attachment (target, type, policy, organization) SELECT x.id, CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT)
				FROM (`+targets+` WHERE organization = $4) x`, string(t), t.given(), f.ID, f.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// DisablePolicyType takes all policies of a type off everything they hang on; the policies stay. Enabled again, only the policy of AWS hangs there.
// Faults: RootNotFound, PolicyTypeNotEnabled, InvalidInput.
func (o *Organizations) DisablePolicyType(ctx context.Context, root string, t PolicyType) (*Root, error) {
	f, err := o.enterRoot(ctx, "DisablePolicyType", root, t)
	if err != nil {
		return nil, err
	}
	return o.changeRoot(ctx, f, func(tx *sql.Tx) error {
		if err := f.hasType(tx, t); err != nil {
			return err
		}
		return tx.ExecAll(sql.Args(f.ID, string(t)), `DELETE FROM org_policy_type WHERE organization = $1 AND type = $2`, `DELETE FROM org_attachment WHERE organization = $1 AND type = $2`)
	})
}

// enterRoot is enter for what concerns a policy type in a root.
func (o *Organizations) enterRoot(ctx context.Context, action, root string, t PolicyType) (*Organization, error) {
	f, err := o.enter(ctx, access{action: action, targets: []string{root}, request: iam.Resource{Keys: ofType(t)}})
	if err != nil {
		return nil, err
	}
	if root != f.Root {
		return nil, fault.New(fault.RootNotFound, "You specified a root that doesn't exist.")
	}
	return f, checkType(f, t)
}

// changeRoot is commit for what changes the policies of the whole organization, and answers the root as it is then.
func (o *Organizations) changeRoot(ctx context.Context, f *Organization, change func(tx *sql.Tx) error) (*Root, error) {
	var r *Root
	err := o.commit(ctx, func(tx *sql.Tx) (err error) {
		if err := change(tx); err != nil {
			return err
		}
		r, err = f.root(tx)
		return err
	}, f.ID)
	return r, err
}
