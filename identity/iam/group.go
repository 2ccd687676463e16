package iam

import (
	"cmp"
	"context"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// Group is a group of users: its policies are theirs.
type Group struct {
	ID, Account, Name, Path, ARN string
	Created                      time.Time
}

func (e *entity) group() *Group {
	return &Group{ID: e.id, Account: e.account, Name: e.name, Path: e.path, ARN: e.arn(), Created: e.created}
}

// CreateGroup makes a group. Faults: EntityAlreadyExists.
func (d *Directory) CreateGroup(ctx context.Context, name, path string) (*Group, error) {
	e, err := d.newEntity(ctx, KindGroup, name, path, nil)
	if err != nil {
		return nil, err
	}
	if err := d.Authorize(ctx, "iam:CreateGroup", creation(e, "", nil)); err != nil {
		return nil, err
	}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.free(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO iam_group (id, account, name, folded, path, created) VALUES ($1, $2, $3, $4, $5, $6)`,
			e.id, e.account, e.name, fold(e.name), e.path, sql.Micros(e.created))
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.group(), nil
}

// Group returns a group with a page of its users.
func (d *Directory) Group(ctx context.Context, name string, p Page) (*Group, []User, string, error) {
	e, err := d.reach(ctx, "iam:GetGroup", Ref{KindGroup, name}, Resource{})
	if err != nil {
		return nil, nil, "", err
	}
	found, err := sql.Gather(d.db.In(ctx), `SELECT u.id, u.name, u.path, u.created FROM iam_membership m JOIN iam_user u ON u.id = m.user_id
			WHERE m.group_id = $1 AND u.folded > $2 ORDER BY u.folded LIMIT $3`, sql.Args(e.id, p.After, p.limit()+1), scanEntity(KindUser, e.account))
	found, next := cut(p, found, func(u *entity) string { return fold(u.name) })
	users := make([]User, len(found))
	for i := range found {
		users[i] = *found[i].user()
	}
	return e.group(), users, next, err
}

// Groups returns a page of the groups of the caller's account whose path begins with prefix (IAM-10).
func (d *Directory) Groups(ctx context.Context, prefix string, p Page) ([]Group, string, error) {
	found, next, err := d.list(ctx, KindGroup, "iam:ListGroups", prefix, p)
	out := make([]Group, len(found))
	for i := range found {
		out[i] = *found[i].group()
	}
	return out, next, err
}

// UpdateGroup gives a group another name or path. Faults: NoSuchEntity, EntityAlreadyExists.
func (d *Directory) UpdateGroup(ctx context.Context, name, newName, newPath string) error {
	return d.rename(ctx, "iam:UpdateGroup", Ref{KindGroup, name}, newName, newPath)
}

// DeleteGroup deletes a group without users and policies. Faults: NoSuchEntity, DeleteConflict.
func (d *Directory) DeleteGroup(ctx context.Context, name string) error {
	e, err := d.reach(ctx, "iam:DeleteGroup", Ref{KindGroup, name}, Resource{})
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_membership WHERE group_id = $1`, e.id); err != nil || n > 0 {
			return cmp.Or[error](err, fault.New(fault.DeleteConflict, "Cannot delete entity, must remove users from group first."))
		}
		if err := e.bare(tx); err != nil {
			return err
		}
		return tx.ExecAll(sql.Args(e.id), `DELETE FROM iam_group WHERE id = $1`)
	})
}

// AddUserToGroup puts a user into a group; one who is in it stays. Faults: NoSuchEntity, LimitExceeded.
func (d *Directory) AddUserToGroup(ctx context.Context, group, user string) error {
	return d.membership(ctx, "iam:AddUserToGroup", group, user, func(tx *sql.Tx, g, u *entity) error {
		if _, err := tx.Exec(`INSERT INTO iam_membership (user_id, group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, u.id, g.id); err != nil {
			return err
		}
		n, err := tx.Count(`SELECT COUNT(*) FROM iam_membership WHERE user_id = $1`, u.id)
		if err == nil && n > mostGroupsPerUser {
			err = fault.New(fault.LimitExceeded, "Cannot exceed quota for GroupsPerUser: %d", mostGroupsPerUser)
		}
		return err
	})
}

// RemoveUserFromGroup takes a user out of a group; one who is not in it stays out. Faults: NoSuchEntity.
func (d *Directory) RemoveUserFromGroup(ctx context.Context, group, user string) error {
	return d.membership(ctx, "iam:RemoveUserFromGroup", group, user, func(tx *sql.Tx, g, u *entity) error {
		_, err := tx.Exec(`DELETE FROM iam_membership WHERE user_id = $1 AND group_id = $2`, u.id, g.id)
		return err
	})
}

func (d *Directory) membership(ctx context.Context, action, group, user string, f func(tx *sql.Tx, g, u *entity) error) error {
	g, err := d.reach(ctx, action, Ref{KindGroup, group}, Resource{})
	if err != nil {
		return err
	}
	u, err := d.find(ctx, KindUser, g.account, user)
	if err != nil {
		return err
	}
	return d.commit(ctx, g.account, func(tx *sql.Tx) error {
		if err := g.stands(tx); err != nil {
			return err
		}
		if err := u.stands(tx); err != nil {
			return err
		}
		return f(tx, g, u)
	})
}

// GroupsForUser returns a page of the groups that a user is in, by name.
func (d *Directory) GroupsForUser(ctx context.Context, user string, p Page) ([]Group, string, error) {
	e, err := d.reach(ctx, "iam:ListGroupsForUser", Ref{KindUser, user}, Resource{})
	if err != nil {
		return nil, "", err
	}
	found, err := sql.Gather(d.db.In(ctx), `SELECT g.id, g.name, g.path, g.created FROM iam_membership m JOIN iam_group g ON g.id = m.group_id
			WHERE m.user_id = $1 AND g.folded > $2 ORDER BY g.folded LIMIT $3`, sql.Args(e.id, p.After, p.limit()+1), scanEntity(KindGroup, e.account))
	found, next := cut(p, found, func(g *entity) string { return fold(g.name) })
	out := make([]Group, len(found))
	for i := range found {
		out[i] = *found[i].group()
	}
	return out, next, err
}
