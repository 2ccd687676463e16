package iam

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// InstanceProfile is a container for the one role that a machine may have. berth runs no machines; tools make profiles together with their roles.
type InstanceProfile struct {
	ID, Account, Name, Path, ARN string
	Created                      time.Time
	Role                         *Role // nil for none
	Tags                         []Tag // not in lists
}

func (e *entity) instanceProfile() *InstanceProfile {
	return &InstanceProfile{ID: e.id, Account: e.account, Name: e.name, Path: e.path, ARN: e.arn(), Created: e.created}
}

// CreateInstanceProfile makes an instance profile without a role (IAM-7). Faults: EntityAlreadyExists, InvalidInput, Validation.
func (d *Directory) CreateInstanceProfile(ctx context.Context, name, path string, tags []Tag) (*InstanceProfile, error) {
	e, err := d.newEntity(ctx, KindInstanceProfile, name, path, tags)
	if err != nil {
		return nil, err
	}
	if err := d.authorizeNew(ctx, "iam:CreateInstanceProfile", "iam:TagInstanceProfile", creation(e, "", tags)); err != nil {
		return nil, err
	}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.free(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO iam_instance_profile (id, account, name, folded, path, role, created) VALUES ($1, $2, $3, $4, $5, '', $6)`,
			e.id, e.account, e.name, fold(e.name), e.path, sql.Micros(e.created)); err != nil {
			return err
		}
		return putTags(tx, e.id, tags)
	})
	if err != nil {
		return nil, err
	}
	p := e.instanceProfile()
	p.Tags = tags
	return p, nil
}

// InstanceProfile returns an instance profile with its role. Faults: NoSuchEntity.
func (d *Directory) InstanceProfile(ctx context.Context, name string) (*InstanceProfile, error) {
	e, err := d.reach(ctx, "iam:GetInstanceProfile", Ref{KindInstanceProfile, name}, Resource{})
	if err != nil {
		return nil, err
	}
	p := e.instanceProfile()
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		r := d.roleReader(tx)
		var role string
		if err := tx.Row(`SELECT role FROM iam_instance_profile WHERE id = $1`, sql.Args(e.id), &role); err != nil {
			return err
		}
		if p.Role, err = r.byID(e.account, role); err != nil {
			return err
		}
		p.Tags, err = readTags(tx, e.id)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = noSuch(KindInstanceProfile, name)
	}
	return p, err
}

// InstanceProfiles returns a page of the instance profiles of the caller's account whose path begins with prefix (IAM-10).
func (d *Directory) InstanceProfiles(ctx context.Context, prefix string, p Page) ([]InstanceProfile, string, error) {
	found, next, err := d.list(ctx, KindInstanceProfile, "iam:ListInstanceProfiles", prefix, p)
	if err != nil {
		return nil, "", err
	}
	out, err := d.profilesWithRoles(ctx, found)
	return out, next, err
}

// InstanceProfilesForRole returns a page of the instance profiles that hold a role, by name. Faults: NoSuchEntity.
func (d *Directory) InstanceProfilesForRole(ctx context.Context, role string, p Page) ([]InstanceProfile, string, error) {
	e, err := d.reach(ctx, "iam:ListInstanceProfilesForRole", Ref{KindRole, role}, Resource{})
	if err != nil {
		return nil, "", err
	}
	found, err := sql.Gather(d.db.In(ctx), `SELECT id, name, path, created FROM iam_instance_profile WHERE role = $1 AND folded > $2 ORDER BY folded LIMIT $3`,
		sql.Args(e.id, p.After, p.limit()+1), scanEntity(KindInstanceProfile, e.account))
	if err != nil {
		return nil, "", err
	}
	found, next := cut(p, found, func(e *entity) string { return fold(e.name) })
	out, err := d.profilesWithRoles(ctx, found)
	return out, next, err
}

// profilesWithRoles completes the instance profiles of a page.
func (d *Directory) profilesWithRoles(ctx context.Context, found []entity) ([]InstanceProfile, error) {
	out := make([]InstanceProfile, 0, len(found))
	err := d.db.View(ctx, func(tx *sql.Tx) error {
		r := d.roleReader(tx)
		for i := range found {
			e := &found[i]
			var role string
			err := tx.Row(`SELECT role FROM iam_instance_profile WHERE id = $1`, sql.Args(e.id), &role)
			if errors.Is(err, sql.ErrNoRows) {
				continue // deleted since the page was read
			}
			if err != nil {
				return err
			}
			p := e.instanceProfile()
			if p.Role, err = r.byID(e.account, role); err != nil {
				return err
			}
			out = append(out, *p)
		}
		return nil
	})
	return out, err
}

// DeleteInstanceProfile deletes an instance profile without a role. Faults: NoSuchEntity, DeleteConflict.
func (d *Directory) DeleteInstanceProfile(ctx context.Context, name string) error {
	e, err := d.reach(ctx, "iam:DeleteInstanceProfile", Ref{KindInstanceProfile, name}, Resource{})
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_instance_profile WHERE id = $1 AND role <> ''`, e.id); err != nil || n > 0 {
			return cmp.Or[error](err, fault.New(fault.DeleteConflict, "Cannot delete entity, must remove roles from instance profile first."))
		}
		return tx.ExecAll(sql.Args(e.id), `DELETE FROM iam_tag WHERE owner = $1`, `DELETE FROM iam_instance_profile WHERE id = $1`)
	})
}

// AddRoleToInstanceProfile puts the one role (IAM-4) into an instance profile. Whoever does it must also be allowed to pass the role to EC2.
// Faults: NoSuchEntity, LimitExceeded, UnmodifiableEntity for a service-linked role.
func (d *Directory) AddRoleToInstanceProfile(ctx context.Context, profile, role string) error {
	r, err := d.reach(ctx, "iam:PassRole", Ref{KindRole, role}, Resource{Keys: map[string]string{"iam:passedtoservice": "ec2.amazonaws.com"}})
	if err != nil {
		return err
	}
	e, err := d.reach(ctx, "iam:AddRoleToInstanceProfile", Ref{KindInstanceProfile, profile}, Resource{})
	if err != nil {
		return err
	}
	if err := d.changeable(r); err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := r.stands(tx); err != nil {
			return err
		}
		if err := e.stands(tx); err != nil {
			return err
		}
		n, err := tx.Exec(`UPDATE iam_instance_profile SET role = $1 WHERE id = $2 AND role = ''`, r.id, e.id)
		if err == nil && n == 0 {
			err = fault.New(fault.LimitExceeded, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		return err
	})
}

// RemoveRoleFromInstanceProfile takes the role out. Faults: NoSuchEntity, also when the role is not in the profile.
func (d *Directory) RemoveRoleFromInstanceProfile(ctx context.Context, profile, role string) error {
	e, err := d.reach(ctx, "iam:RemoveRoleFromInstanceProfile", Ref{KindInstanceProfile, profile}, Resource{})
	if err != nil {
		return err
	}
	r, err := d.find(ctx, KindRole, e.account, role)
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		n, err := tx.Exec(`UPDATE iam_instance_profile SET role = '' WHERE id = $1 AND role = $2`, e.id, r.id)
		if err == nil && n == 0 {
			err = fault.New(fault.NoSuchEntity, "Role %s in Instance Profile %s cannot be found.", r.name, e.name)
		}
		return err
	})
}
