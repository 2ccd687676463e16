package iam

import (
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// MemberAccount is an account for an organization to make (ORG-13).
type MemberAccount struct {
	Name, Email string
	// Role is the name of the role with AdministratorAccess that the account Manager may assume: the only way into the new account, which has no access key.
	Role, Manager string
}

// MakeMember makes an account in a transaction of the organization's. It asks nobody. Faults: EntityAlreadyExists if another account has the address;
// Validation for a role name that breaks IAM-3.
func (d *Directory) MakeMember(tx *sql.Tx, n MemberAccount) (*Account, error) {
	if err := checkName(KindRole, n.Role); err != nil {
		return nil, err
	}
	if err := checkNotLinked(n.Role); err != nil {
		return nil, err
	}
	now := d.options.Now()
	a, err := d.insertAccount(tx, "", n.Name, n.Email, now)
	if err != nil {
		return nil, err
	}
	id := newID(rolePrefix)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + arn.IAM(n.Manager, "root") + `"},"Action":"sts:AssumeRole"}]}`
	if _, err := tx.Exec(`INSERT INTO iam_role (id, account, name, folded, path, boundary, trust, description, max_session, created)
		VALUES ($1, $2, $3, $4, '/', '', $5, '', $6, $7)`, id, a.ID, n.Role, fold(n.Role), trust, int64(time.Hour/time.Second), sql.Micros(now)); err != nil {
		return nil, err
	}
	return a, attach(tx, a.ID, id, d.managed.byARN[awsPolicyARN+"/AdministratorAccess"].ID)
}

// SetAccountState closes an account or opens it again, in a transaction of the organization's (ORG-17). From then on the keys, sessions and registry passwords of a
// closed account are unknown, and nobody else reaches what is in it.
func (d *Directory) SetAccountState(tx *sql.Tx, id string, s AccountState) error {
	if _, err := tx.Exec(`UPDATE iam_account SET state = $1 WHERE id = $2`, string(s), id); err != nil {
		return err
	}
	return tx.Changed(d.epoch, id)
}

// Closed reports whether there is an account that is not in use, in a transaction of the organization's.
func (d *Directory) Closed(tx *sql.Tx, account string) (bool, error) {
	n, err := tx.Count(`SELECT COUNT(*) FROM iam_account WHERE id = $1 AND state <> $2`, account, string(AccountActive))
	return n > 0, err
}

// standing is what decisions remember of an account that owns what is asked for: whether it serves others. It is good as long as the account's epoch stands.
type standing struct {
	stamp  sql.Stamp
	closed bool
}

// serves fails with AccessDenied if the account that owns a resource is closed: it serves nobody any more (ORG-17).
func (d *Directory) serves(ctx context.Context, c *Call, owner string) error {
	s, ok := d.standings.GetIfPresent(owner)
	if !ok || !d.epoch.Current(owner, s.stamp) {
		s = &standing{stamp: d.epoch.Stamp(owner)}
		var state string
		err := d.db.Row(ctx, `SELECT state FROM iam_account WHERE id = $1`, sql.Args(owner), &state)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		s.closed = err == nil && AccountState(state) != AccountActive
		d.standings.Set(owner, s)
	}
	if s.closed {
		return c.Refuse(notAuthorized(c.Principal, c.request.Action, c.request.Resource) + " because the account that owns it is closed")
	}
	return nil
}
