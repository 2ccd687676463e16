package iam

import (
	"strings"

	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// listed is a user or role with everything that decides for it.
type listed struct {
	principal *policy.Principal
	member    *member
	folded    string
}

// readListed reads the users or roles of an account by name, n of them after a name, with their policies and tags: a fixed number of queries, however many there
// are. It does not fill the caches, which are for those who call.
func (d *Directory) readListed(tx *sql.Tx, k Kind, account, after string, n int) ([]*listed, error) {
	var out []*listed
	byID := map[string]*listed{}
	boundaries := map[string]string{}
	err := tx.Rows(`SELECT id, name, folded, path, boundary FROM `+k.table()+` WHERE account = $1 AND folded > $2 ORDER BY folded LIMIT $3`, sql.Args(account, after, n),
		func(row sql.Scanner) error {
			e := entity{kind: k, account: account}
			l := &listed{}
			var boundary string
			if err := row.Scan(&e.id, &e.name, &l.folded, &e.path, &boundary); err != nil {
				return err
			}
			l.member = &member{account: account, name: e.name, path: e.path, tags: map[string]string{}}
			l.principal = &policy.Principal{Type: policy.User, ARN: e.arn(), Account: account, ID: e.id}
			if k == KindRole { // any session of it
				l.principal.Type, l.principal.RoleARN, l.principal.UserID = policy.AssumedRole, e.arn(), e.id+":*"
				l.principal.ServiceLinked = strings.HasPrefix(e.path, serviceRolePath)
			}
			if boundary != "" {
				boundaries[e.id] = boundary
			}
			out = append(out, l)
			byID[e.id] = l
			return nil
		})
	if err != nil || len(out) == 0 {
		return nil, err
	}
	within := sql.Args(account, after, out[len(out)-1].folded)
	twice := append(append([]any(nil), within...), within...)
	const range1, range2 = `u.account = $1 AND u.folded > $2 AND u.folded <= $3`, `u.account = $4 AND u.folded > $5 AND u.folded <= $6`
	table := k.table()

	// Inline policies, then attached ones, each time the own and those of groups.
	err = tx.Rows(`SELECT u.id, i.name, i.document FROM `+table+` u JOIN iam_inline i ON i.owner = u.id WHERE `+range1+`
		UNION ALL SELECT u.id, i.name, i.document FROM `+table+` u JOIN iam_membership m ON m.user_id = u.id JOIN iam_inline i ON i.owner = m.group_id WHERE `+range2,
		twice, func(row sql.Scanner) error {
			var id, name, document string
			if err := row.Scan(&id, &name, &document); err != nil {
				return err
			}
			p, err := d.compile(document)
			byID[id].member.identity = append(byID[id].member.identity, policy.Attached{Name: name, Policy: p})
			return err
		})
	if err != nil {
		return nil, err
	}
	attached := map[string][]string{}
	err = tx.Rows(`SELECT u.id, a.policy FROM `+table+` u JOIN iam_attachment a ON a.owner = u.id WHERE `+range1+`
		UNION SELECT u.id, a.policy FROM `+table+` u JOIN iam_membership m ON m.user_id = u.id JOIN iam_attachment a ON a.owner = m.group_id WHERE `+range2+` ORDER BY 1, 2`,
		twice, func(row sql.Scanner) error {
			var id, policyID string
			err := row.Scan(&id, &policyID)
			attached[id] = append(attached[id], policyID)
			return err
		})
	if err != nil {
		return nil, err
	}
	known := map[string][]policy.Attached{} // managed policies of this page, each read once
	managed := func(id string) ([]policy.Attached, error) {
		a, ok := known[id]
		if !ok {
			var err error
			if a, err = d.managedPolicies(tx, []string{id}); err != nil {
				return nil, err
			}
			known[id] = a
		}
		return a, nil
	}
	for _, l := range out {
		for _, id := range attached[l.principal.ID] {
			a, err := managed(id)
			if err != nil {
				return nil, err
			}
			l.member.identity = append(l.member.identity, a...)
		}
		if id := boundaries[l.principal.ID]; id != "" {
			l.member.hasBoundary = true
			if l.member.boundary, err = managed(id); err != nil {
				return nil, err
			}
		}
	}
	return out, tx.Rows(`SELECT u.id, t.folded, t.value FROM `+table+` u JOIN iam_tag t ON t.owner = u.id WHERE `+range1, within, func(row sql.Scanner) error {
		var id, key, value string
		err := row.Scan(&id, &key, &value)
		byID[id].member.tags[key] = value
		return err
	})
}

// rootOf is the root user of an account.
func rootOf(account string) *listed {
	return &listed{
		principal: &policy.Principal{Type: policy.Root, ARN: arn.IAM(account, "root"), Account: account, ID: account}, member: &member{account: account},
	}
}
