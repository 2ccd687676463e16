package iam

import (
	"cmp"
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
			if n, err := tx.Count(`SELECT COUNT(*) FROM iam_policy WHERE id = $1`, id); err != nil || n == 0 {
				return cmp.Or[error](err, fault.New(fault.NoSuchEntity, "Policy %s does not exist or is not attachable.", policyARN))
			}
		}
		if err := attach(tx, e.account, e.id, id); err != nil {
			return err
		}
		n, err := tx.Count(`SELECT COUNT(*) FROM iam_attachment WHERE owner = $1`, e.id)
		if err == nil && n > mostPolicies {
			err = fault.New(fault.LimitExceeded, "Cannot exceed quota for PoliciesPer%s: %d", e.kind.title(), mostPolicies)
		}
		return err
	})
}

// attach attaches the managed policy with an id to a user, group or role of account; one that is attached stays.
func attach(tx *sql.Tx, account, owner, policyID string) error {
	_, err := tx.Exec(`INSERT INTO iam_attachment (owner, policy, account) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, owner, policyID, account)
	return err
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
		all, err := d.attachedTo(tx, e.id) // at most ten
		for _, a := range all {
			_, path, _, err := splitPolicyARN(a.ARN)
			if err == nil && a.ARN > p.After && strings.HasPrefix(path, orRoot(prefix)) {
				out = append(out, a)
			}
		}
		return err
	})
	out, next := cut(p, out, func(a *AttachedPolicy) string { return a.ARN })
	return out, next, err
}

// attachedTo reads the managed policies of one user, group or role, by ARN. One that is gone is left out.
func (d *Directory) attachedTo(tx *sql.Tx, owner string) ([]AttachedPolicy, error) {
	ids, err := attachedIDs(tx, owner)
	if err != nil {
		return nil, err
	}
	var out []AttachedPolicy
	for _, id := range ids {
		policyARN, err := d.policyARN(tx, id)
		if err != nil {
			return nil, err
		}
		if policyARN != "" {
			out = append(out, AttachedPolicy{Name: policyARN[strings.LastIndexByte(policyARN, '/')+1:], ARN: policyARN})
		}
	}
	slices.SortFunc(out, func(a, b AttachedPolicy) int { return strings.Compare(a.ARN, b.ARN) })
	return out, nil
}

func attachedIDs(tx *sql.Tx, owner string) ([]string, error) {
	return sql.Gather(tx.Rows, `SELECT policy FROM iam_attachment WHERE owner = $1 ORDER BY policy`, sql.Args(owner), func(row sql.Scanner) (id string, err error) { return id, row.Scan(&id) })
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
	var out []PolicyEntity
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		var err error
		out, err = entitiesForPolicy(tx, account, e.id, f, p)
		return err
	})
	out, next := cut(p, out, func(x *PolicyEntity) string { return x.ID })
	return out, next, err
}

// entitiesForPolicy reads a page, and one entry more if there is one. The ids of attachments, of users by boundary and of roles by boundary each lie in the order
// of an index: the first of each are enough for the first of all.
func entitiesForPolicy(tx *sql.Tx, account, policyID string, f EntityFilter, p Page) ([]PolicyEntity, error) {
	prefix := orRoot(f.PathPrefix)
	var out []PolicyEntity
	for _, k := range []Kind{KindGroup, KindRole, KindUser} {
		if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, k) {
			continue
		}
		read := func(query string) error {
			found, err := sql.Gather(tx.Rows, query, sql.Args(policyID, account, max(p.After, k.idPrefix()), len(prefix), prefix, k.idPrefix()+endOfIDs, p.limit()+1), func(row sql.Scanner) (PolicyEntity, error) {
				x := PolicyEntity{Kind: k}
				return x, row.Scan(&x.ID, &x.Name)
			})
			out = append(out, found...)
			return err
		}
		if !f.Boundary {
			if err := read(`SELECT x.id, x.name FROM iam_attachment a JOIN ` + k.table() + ` x ON x.id = a.owner
				WHERE a.policy = $1 AND a.account = $2 AND a.owner > $3 AND substr(x.path, 1, $4) = $5 AND a.owner <= $6 ORDER BY a.owner LIMIT $7`); err != nil {
				return nil, err
			}
		}
		if !f.Permissions && k != KindGroup {
			if err := read(`SELECT id, name FROM ` + k.table() + `
				WHERE boundary = $1 AND account = $2 AND id > $3 AND substr(path, 1, $4) = $5 AND id <= $6 ORDER BY id LIMIT $7`); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out, func(a, b PolicyEntity) int { return strings.Compare(a.ID, b.ID) })
	return slices.Compact(out), nil // who has the policy both ways is one entry
}

// endOfIDs, behind the prefix of a kind, sorts behind every unique id of it (IAM-1), by bytes as in any language.
const endOfIDs = "ZZZZZZZZZZZZZZZZZZ"
