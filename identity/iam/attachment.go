package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// AttachedPolicy names a managed policy that is attached to a user, group or role.
type AttachedPolicy struct{ Name, ARN string }

// AttachPolicy attaches a managed policy to a user, group or role; one that is attached stays. Faults: NoSuchEntity, LimitExceeded, InvalidInput.
func (d *Directory) AttachPolicy(ctx context.Context, on Ref, policyARN string) error {
	e, err := d.reach(ctx, "iam:Attach"+on.Kind.title()+"Policy", on, Resource{Keys: map[string]string{"iam:policyarn": policyARN}})
	if err != nil {
		return err
	}
	if err := d.changeable(e); err != nil {
		return err
	}
	id, err := d.attachable(ctx, e.account, policyARN)
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if d.managed.byID[id] == nil {
			if n, err := count(tx, `SELECT COUNT(*) FROM iam_policy WHERE id = $1`, id); err != nil || n == 0 {
				return orElse(err, fault.New(fault.NoSuchEntity, "Policy %s does not exist or is not attachable.", policyARN))
			}
		}
		if _, err := tx.Exec(`INSERT INTO iam_attachment (owner, policy) VALUES ($1, $2) ON CONFLICT DO NOTHING`, e.id, id); err != nil {
			return err
		}
		n, err := count(tx, `SELECT COUNT(*) FROM iam_attachment WHERE owner = $1`, e.id)
		if err == nil && n > mostPolicies {
			err = fault.New(fault.LimitExceeded, "Cannot exceed quota for PoliciesPer%s: %d", e.kind.title(), mostPolicies)
		}
		return err
	})
}

// DetachPolicy detaches a managed policy. Faults: NoSuchEntity, also when it was not attached.
func (d *Directory) DetachPolicy(ctx context.Context, on Ref, policyARN string) error {
	e, err := d.reach(ctx, "iam:Detach"+on.Kind.title()+"Policy", on, Resource{Keys: map[string]string{"iam:policyarn": policyARN}})
	if err != nil {
		return err
	}
	if err := d.changeable(e); err != nil {
		return err
	}
	p, err := d.findPolicy(ctx, e.account, policyARN)
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM iam_attachment WHERE owner = $1 AND policy = $2`, e.id, p.id)
		if err == nil && n == 0 {
			err = policyMissing(policyARN)
		}
		return err
	})
}

// AttachedPolicies returns a page of the managed policies attached to a user, group or role, whose path begins with prefix, by ARN.
func (d *Directory) AttachedPolicies(ctx context.Context, on Ref, prefix string, p Page) ([]AttachedPolicy, string, error) {
	e, err := d.reach(ctx, "iam:ListAttached"+on.Kind.title()+"Policies", on, Resource{})
	if err != nil {
		return nil, "", err
	}
	var out []AttachedPolicy
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		ids, err := gather(func(scan func(sql.Scanner) error) error {
			return tx.Rows(`SELECT policy FROM iam_attachment WHERE owner = $1`, sql.Args(e.id), scan)
		}, func(row sql.Scanner) (id string, err error) { return id, row.Scan(&id) })
		if err != nil {
			return err
		}
		for _, id := range ids { // at most ten
			policyARN, err := d.policyARN(tx, id)
			if err != nil {
				return err
			}
			_, path, name, err := splitPolicyARN(policyARN)
			if err == nil && policyARN > p.After && strings.HasPrefix(path, orRoot(prefix)) {
				out = append(out, AttachedPolicy{Name: name, ARN: policyARN})
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b AttachedPolicy) int { return strings.Compare(a.ARN, b.ARN) })
	out, next := cut(p, out, func(a *AttachedPolicy) string { return a.ARN })
	return out, next, err
}

// PolicyEntity is a user, group or role that uses a managed policy.
type PolicyEntity struct {
	Kind     Kind
	Name, ID string
}

// EntityFilter says which users of a policy a list shows.
type EntityFilter struct {
	Kinds                 []Kind // none is all three
	Boundary, Permissions bool   // as boundary only, as attached policy only; both false is both
	PathPrefix            string
}

// EntitiesForPolicy returns a page of the users, groups and roles of the caller's account that use a managed policy.
func (d *Directory) EntitiesForPolicy(ctx context.Context, policyARN string, f EntityFilter, p Page) ([]PolicyEntity, string, error) {
	e, err := d.reach(ctx, "iam:ListEntitiesForPolicy", Ref{KindPolicy, policyARN}, Resource{})
	if err != nil {
		return nil, "", err
	}
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, "", err
	}
	prefix := orRoot(f.PathPrefix)
	var out []PolicyEntity
	for _, k := range []Kind{KindGroup, KindRole, KindUser} {
		if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, k) {
			continue
		}
		uses := `id IN (SELECT owner FROM iam_attachment WHERE policy = $1)`
		if k != KindGroup {
			switch {
			case f.Boundary:
				uses = `boundary = $1`
			case !f.Permissions:
				uses = `(` + uses + ` OR boundary = $1)`
			}
		} else if f.Boundary {
			continue
		}
		found, err := gather(func(scan func(sql.Scanner) error) error {
			return d.db.Rows(ctx, `SELECT id, name FROM `+k.table()+` WHERE `+uses+` AND account = $2 AND id > $3 AND substr(path, 1, $4) = $5 ORDER BY id LIMIT $6`,
				sql.Args(e.id, account, p.After, len(prefix), prefix, p.limit()+1), scan)
		}, func(row sql.Scanner) (PolicyEntity, error) {
			x := PolicyEntity{Kind: k}
			return x, row.Scan(&x.ID, &x.Name)
		})
		if err != nil {
			return nil, "", err
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, func(a, b PolicyEntity) int { return strings.Compare(a.ID, b.ID) })
	out, next := cut(p, out, func(x *PolicyEntity) string { return x.ID })
	return out, next, nil
}
