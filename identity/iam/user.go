package iam

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// User is an IAM user, or the root user as GetUser shows it.
type User struct {
	ID, Account, Name, Path, ARN string
	Created                      time.Time
	PasswordUsed                 time.Time // the last sign-in by password; zero if never; not in lists
	Boundary                     string    // ARN of the permissions boundary; "" without; not in lists
	Tags                         []Tag     // not in lists
}

func (e *entity) user() *User {
	return &User{ID: e.id, Account: e.account, Name: e.name, Path: e.path, ARN: e.arn(), Created: e.created}
}

// NewUser says what user to make.
type NewUser struct {
	Name, Path, Boundary string
	Tags                 []Tag
}

// CreateUser makes a user. Faults: EntityAlreadyExists, InvalidInput, NoSuchEntity for the boundary.
func (d *Directory) CreateUser(ctx context.Context, n NewUser) (*User, error) {
	e, err := d.newEntity(ctx, KindUser, n.Name, n.Path, n.Tags)
	if err != nil {
		return nil, err
	}
	if err := d.authorizeNew(ctx, "iam:CreateUser", "iam:TagUser", creation(e, n.Boundary, n.Tags)); err != nil {
		return nil, err
	}
	boundary, err := d.boundaryID(ctx, e.account, n.Boundary)
	if err != nil {
		return nil, err
	}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.free(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO iam_user (id, account, name, folded, path, boundary, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			e.id, e.account, e.name, fold(e.name), e.path, boundary, sql.Micros(e.created)); err != nil {
			return err
		}
		return putTags(tx, e.id, n.Tags)
	})
	if err != nil {
		return nil, err
	}
	u := e.user()
	u.Boundary, u.Tags = n.Boundary, n.Tags
	return u, nil
}

// newEntity checks what a new user, group or role shall be called, and gives it its id.
func (d *Directory) newEntity(ctx context.Context, k Kind, name, path string, tags []Tag) (*entity, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	if path, err = checkPath(path); err != nil {
		return nil, err
	}
	if err := checkName(k, name); err != nil {
		return nil, err
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	return &entity{kind: k, id: newID(k.idPrefix()), account: account, name: name, path: path, created: stored(d.options.Now())}, nil
}

// creation is the resource of the making of e.
func creation(e *entity, boundary string, tags []Tag) *Resource {
	r := &Resource{ARN: e.arn(), RequestTags: tagMap(tags)}
	if boundary != "" {
		r.Keys = map[string]string{"iam:permissionsboundary": boundary}
	}
	return r
}

// free fails if the name is taken (IAM-3).
func (e *entity) free(tx *sql.Tx) error {
	n, err := tx.Count(`SELECT COUNT(*) FROM `+e.kind.table()+` WHERE account = $1 AND folded = $2 AND id <> $3`, e.account, fold(e.name), e.id)
	if err == nil && n > 0 {
		err = alreadyThere(e.kind, e.name)
	}
	return err
}

// User returns a user; "" is the caller itself, the root user too.
func (d *Directory) User(ctx context.Context, name string) (*User, error) {
	if name == "" {
		var err error
		if name, err = d.callerUser(ctx); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return d.rootUser(ctx)
	}
	e, err := d.reach(ctx, "iam:GetUser", Ref{KindUser, name}, Resource{})
	if err != nil {
		return nil, err
	}
	u := e.user()
	err = d.db.View(ctx, func(tx *sql.Tx) (err error) {
		if u.Boundary, u.Tags, err = d.boundaryAndTags(tx, e); err != nil {
			return err
		}
		var used int64
		err = tx.Row(`SELECT password_used FROM iam_user WHERE id = $1`, sql.Args(e.id), &used)
		if used != 0 {
			u.PasswordUsed = sql.Time(used)
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = noSuch(KindUser, name)
	}
	return u, err
}

func (d *Directory) rootUser(ctx context.Context) (*User, error) {
	p := From(ctx).Principal
	if err := d.Authorize(ctx, "iam:GetUser", &Resource{ARN: p.ARN}); err != nil {
		return nil, err
	}
	a, err := d.Account(ctx, p.Account)
	if err != nil {
		return nil, err
	}
	name := a.Alias
	if name == "" {
		name = "root"
	}
	return &User{ID: a.ID, Account: a.ID, Name: name, Path: "/", ARN: p.ARN, Created: a.Created}, nil
}

// boundaryAndTags reads what a user or role shows of itself only when it is asked for alone.
func (d *Directory) boundaryAndTags(tx *sql.Tx, e *entity) (boundary string, tags []Tag, err error) {
	var id string
	if err := tx.Row(`SELECT boundary FROM `+e.kind.table()+` WHERE id = $1`, sql.Args(e.id), &id); err != nil {
		return "", nil, err
	}
	if boundary, err = d.policyARN(tx, id); err != nil {
		return "", nil, err
	}
	tags, err = readTags(tx, e.id)
	return boundary, tags, err
}

// Users returns a page of the users of the caller's account whose path begins with prefix (IAM-10).
func (d *Directory) Users(ctx context.Context, prefix string, p Page) ([]User, string, error) {
	found, next, err := d.list(ctx, KindUser, "iam:ListUsers", prefix, p)
	out := make([]User, len(found))
	for i := range found {
		out[i] = *found[i].user()
	}
	return out, next, err
}

// UpdateUser gives a user another name or path; its id, keys and policies stay, and so do repository policies that name it.
// Faults: NoSuchEntity, EntityAlreadyExists.
func (d *Directory) UpdateUser(ctx context.Context, name, newName, newPath string) error {
	return d.rename(ctx, "iam:UpdateUser", Ref{KindUser, name}, newName, newPath)
}

// rename moves a user or group; the caller must be allowed to act on what it was and on what it becomes.
func (d *Directory) rename(ctx context.Context, action string, ref Ref, newName, newPath string) error {
	e, err := d.reach(ctx, action, ref, Resource{})
	if err != nil {
		return err
	}
	moved := *e
	if newName != "" {
		moved.name = newName
	}
	if newPath != "" {
		moved.path = newPath
	}
	if err := checkName(e.kind, moved.name); err != nil {
		return err
	}
	if _, err := checkPath(moved.path); err != nil {
		return err
	}
	if err := d.Authorize(ctx, action, &Resource{ARN: moved.arn()}); err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if err := moved.free(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE `+e.kind.table()+` SET name = $1, folded = $2, path = $3 WHERE id = $4`, moved.name, fold(moved.name), moved.path, e.id)
		return err
	})
}

// DeleteUser deletes a user that has no keys, groups and policies left; its sessions and registry passwords are unknown at the next request.
// Faults: NoSuchEntity, DeleteConflict.
func (d *Directory) DeleteUser(ctx context.Context, name string) error {
	if name == "" {
		return fault.New(fault.Validation, "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null")
	}
	e, err := d.reach(ctx, "iam:DeleteUser", Ref{KindUser, name}, Resource{})
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		for _, c := range []struct{ query, message string }{
			{`SELECT COUNT(*) FROM iam_login WHERE owner = $1`, "Cannot delete entity, must delete login profile first."},
			{`SELECT COUNT(*) FROM iam_access_key WHERE owner = $1`, "Cannot delete entity, must delete access keys first."},
			{`SELECT COUNT(*) FROM iam_membership WHERE user_id = $1`, "Cannot delete entity, must remove users from group first."},
		} {
			if n, err := tx.Count(c.query, e.id); err != nil || n > 0 {
				return cmp.Or[error](err, fault.New(fault.DeleteConflict, "%s", c.message))
			}
		}
		if err := e.bare(tx); err != nil {
			return err
		}
		return tx.ExecAll(sql.Args(e.id), `DELETE FROM iam_tag WHERE owner = $1`, `DELETE FROM iam_user WHERE id = $1`)
	})
}

// bare fails while policies hang on e (IAM-11).
func (e *entity) bare(tx *sql.Tx) error {
	for _, c := range []struct{ query, message string }{
		{`SELECT COUNT(*) FROM iam_attachment WHERE owner = $1`, "Cannot delete entity, must detach all policies first."},
		{`SELECT COUNT(*) FROM iam_inline WHERE owner = $1`, "Cannot delete entity, must delete policies first."},
	} {
		if n, err := tx.Count(c.query, e.id); err != nil || n > 0 {
			return cmp.Or[error](err, fault.New(fault.DeleteConflict, "%s", c.message))
		}
	}
	return nil
}
