package iam

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// member is what each request needs to know of a user, a role or a root user: its policies, compiled, its boundary and its tags. It is immutable,
// and good as long as the epoch of its account stands.
type member struct {
	account string
	stamp   sql.Stamp

	name, path  string
	created     time.Time
	identity    []policy.Attached
	boundary    []policy.Attached
	hasBoundary bool
	tags        map[string]string // keys in lower case
	// root is, of a root user, what its federated users may unless their session policies narrow it: everything, which the root user itself may without a policy.
	root []policy.Attached

	evidence kept
}

// errUnknown is the answer to every credential that berth does not know (API-14, API-15): it does not say which part of it is wrong.
func errUnknown() error {
	return fault.New(fault.UnknownCredentials, "The security token included in the request is invalid.")
}

// member returns what is known of the caller p; UnknownCredentials if it was deleted after it signed in.
func (d *Directory) member(ctx context.Context, p *policy.Principal) (*member, error) {
	if m, ok := d.members.GetIfPresent(p.ID); ok && d.epoch.Current(m.account, m.stamp) {
		return m, nil
	}
	m := &member{account: p.Account, stamp: d.epoch.Stamp(p.Account)}
	err := d.db.View(ctx, func(tx *sql.Tx) error { return d.readMember(tx, p.ID, m) })
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errUnknown()
	}
	if err != nil {
		return nil, err
	}
	d.members.Set(p.ID, m)
	return m, nil
}

func (d *Directory) readMember(tx *sql.Tx, id string, m *member) error {
	if id == m.account { // the root user: everything in its account, without policies
		var created int64
		err := tx.Row(`SELECT created FROM iam_account WHERE id = $1`, sql.Args(id), &created)
		m.created = sql.Time(created)
		all := d.managed.byARN[awsPolicyARN+"/AdministratorAccess"]
		m.root = []policy.Attached{{Name: all.Name, ARN: all.ARN, Policy: all.compiled}}
		return err
	}
	query := `SELECT name, path, boundary, created FROM iam_user WHERE id = $1 AND account = $2`
	if strings.HasPrefix(id, rolePrefix) {
		query = `SELECT name, path, boundary, created FROM iam_role WHERE id = $1 AND account = $2`
	}
	var boundary string
	var created int64
	if err := tx.Row(query, sql.Args(id, m.account), &m.name, &m.path, &boundary, &created); err != nil {
		return err
	}
	m.created = sql.Time(created)
	var err error
	if m.identity, err = d.identityPolicies(tx, id); err != nil {
		return err
	}
	if boundary != "" {
		m.hasBoundary = true
		if m.boundary, err = d.managedPolicies(tx, []string{boundary}); err != nil {
			return err
		}
	}
	m.tags = map[string]string{}
	return tx.Rows(`SELECT folded, value FROM iam_tag WHERE owner = $1`, sql.Args(id), func(row sql.Scanner) error {
		var k, v string
		err := row.Scan(&k, &v)
		m.tags[k] = v
		return err
	})
}

// identityPolicies reads the inline and attached policies of a user or role, and those of the user's groups.
func (d *Directory) identityPolicies(tx *sql.Tx, id string) ([]policy.Attached, error) {
	var out []policy.Attached
	err := tx.Rows(`SELECT name, document FROM iam_inline WHERE owner = $1
		UNION ALL SELECT i.name, i.document FROM iam_membership m JOIN iam_inline i ON i.owner = m.group_id WHERE m.user_id = $2`,
		sql.Args(id, id), func(row sql.Scanner) error {
			var name, document string
			if err := row.Scan(&name, &document); err != nil {
				return err
			}
			p, err := d.compile(document)
			out = append(out, policy.Attached{Name: name, Policy: p})
			return err
		})
	if err != nil {
		return nil, err
	}
	var attached []string
	err = tx.Rows(`SELECT policy FROM iam_attachment WHERE owner = $1
		UNION SELECT a.policy FROM iam_membership m JOIN iam_attachment a ON a.owner = m.group_id WHERE m.user_id = $2 ORDER BY 1`,
		sql.Args(id, id), func(row sql.Scanner) error {
			var policyID string
			err := row.Scan(&policyID)
			attached = append(attached, policyID)
			return err
		})
	if err != nil {
		return nil, err
	}
	more, err := d.managedPolicies(tx, attached)
	return append(out, more...), err
}

// managedPolicies reads the default versions of managed policies. One that is gone grants nothing and is left out.
func (d *Directory) managedPolicies(tx *sql.Tx, ids []string) ([]policy.Attached, error) {
	var out []policy.Attached
	for _, id := range ids {
		if p := d.managed.byID[id]; p != nil {
			out = append(out, policy.Attached{Name: p.Name, ARN: p.ARN, Policy: p.compiled})
			continue
		}
		var account, path, name, document string
		err := tx.Row(`SELECT p.account, p.path, p.name, v.document FROM iam_policy p JOIN iam_policy_version v ON v.policy = p.id AND v.version = p.current_version
			WHERE p.id = $1`, sql.Args(id), &account, &path, &name, &document)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		compiled, err := d.compile(document)
		if err != nil {
			return nil, err
		}
		out = append(out, policy.Attached{Name: name, ARN: arn.IAM(account, "policy"+path+name), Policy: compiled})
	}
	return out, nil
}
