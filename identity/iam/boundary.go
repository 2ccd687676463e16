package iam

import (
	"cmp"
	"context"
	"errors"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/sql"
)

// boundaryID is the id of the managed policy that shall be a boundary; "" for none.
func (d *Directory) boundaryID(ctx context.Context, account, policyARN string) (string, error) {
	if policyARN == "" {
		return "", nil
	}
	return d.attachable(ctx, account, policyARN)
}

// attachable is the id of a managed policy that can be attached in account.
func (d *Directory) attachable(ctx context.Context, account, policyARN string) (string, error) {
	e, err := d.findPolicy(ctx, account, policyARN)
	if err == nil {
		if aws := d.managed.byID[e.id]; aws == nil || aws.Attachable {
			return e.id, nil
		}
	}
	if err == nil || fault.Is(err, fault.NoSuchEntity) {
		return "", fault.New(fault.NoSuchEntity, "Policy %s does not exist or is not attachable.", policyARN)
	}
	return "", err
}

// policyARN is the ARN of a managed policy, "" for one that is gone.
func (d *Directory) policyARN(tx *sql.Tx, id string) (string, error) {
	if aws := d.managed.byID[id]; aws != nil {
		return aws.ARN, nil
	}
	var account, path, name string
	err := tx.Row(`SELECT account, path, name FROM iam_policy WHERE id = $1`, sql.Args(id), &account, &path, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return arn.IAM(account, "policy"+path+name), err
}

// PutBoundary sets the permissions boundary of a user or role. Faults: NoSuchEntity, InvalidInput.
func (d *Directory) PutBoundary(ctx context.Context, on Ref, policyARN string) error {
	e, err := d.reach(ctx, "iam:Put"+on.Kind.title()+"PermissionsBoundary", on, Resource{Keys: map[string]string{"iam:permissionsboundary": policyARN}})
	if err != nil {
		return err
	}
	id, err := d.attachable(ctx, e.account, policyARN)
	if err != nil {
		return err
	}
	return d.setBoundary(ctx, e, id)
}

// DeleteBoundary takes the permissions boundary away. Faults: NoSuchEntity.
func (d *Directory) DeleteBoundary(ctx context.Context, on Ref) error {
	e, err := d.reach(ctx, "iam:Delete"+on.Kind.title()+"PermissionsBoundary", on, Resource{})
	if err != nil {
		return err
	}
	return d.setBoundary(ctx, e, "")
}

func (d *Directory) setBoundary(ctx context.Context, e *entity, id string) error {
	if err := d.changeable(e); err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if id != "" && d.managed.byID[id] == nil {
			if n, err := tx.Count(`SELECT COUNT(*) FROM iam_policy WHERE id = $1`, id); err != nil || n == 0 {
				return cmp.Or[error](err, fault.New(fault.NoSuchEntity, "Policy does not exist or is not attachable."))
			}
		}
		n, err := tx.Exec(`UPDATE `+e.kind.table()+` SET boundary = $1 WHERE id = $2`, id, e.id)
		if err == nil && n == 0 {
			err = noSuch(e.kind, e.name)
		}
		return err
	})
}
