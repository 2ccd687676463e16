package iam

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	Version  string // "v1"
	Document string // byte for byte as it was given; not in lists
	Default  bool
	Created  time.Time
}

func versionMissing(policyARN, version string) error {
	return fault.New(fault.NoSuchEntity, "Policy %s version %s does not exist or is not attachable.", policyARN, version)
}

// CreatePolicyVersion adds a version to a managed policy. Faults: NoSuchEntity, MalformedPolicyDocument, LimitExceeded (IAM-4: five versions).
func (d *Directory) CreatePolicyVersion(ctx context.Context, policyARN, document string, setDefault bool) (*PolicyVersion, error) {
	e, err := d.reachOwnPolicy(ctx, "iam:CreatePolicyVersion", policyARN)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(document); err != nil {
		return nil, err
	}
	now := d.options.Now()
	v := &PolicyVersion{Default: setDefault, Created: stored(now)}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_policy_version WHERE policy = $1`, e.id); err != nil || n >= mostVersions {
			return cmp.Or[error](err, fault.New(fault.LimitExceeded,
				"A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", mostVersions))
		}
		var number int64
		if err := tx.Row(`UPDATE iam_policy SET last_version = last_version + 1, updated = $1 WHERE id = $2 RETURNING last_version`, sql.Args(sql.Micros(now), e.id), &number); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO iam_policy_version (policy, version, document, created) VALUES ($1, $2, $3, $4)`, e.id, number, document, sql.Micros(now)); err != nil {
			return err
		}
		if setDefault {
			if _, err := tx.Exec(`UPDATE iam_policy SET current_version = $1 WHERE id = $2`, number, e.id); err != nil {
				return err
			}
		}
		v.Version = versionName(number)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// PolicyVersion returns one version with its document.
func (d *Directory) PolicyVersion(ctx context.Context, policyARN, version string) (*PolicyVersion, error) {
	e, err := d.reach(ctx, "iam:GetPolicyVersion", Ref{KindPolicy, policyARN}, Resource{})
	if err != nil {
		return nil, err
	}
	if aws := d.managed.byID[e.id]; aws != nil {
		if aws.Version != version {
			return nil, versionMissing(policyARN, version)
		}
		return &PolicyVersion{Version: aws.Version, Document: aws.document, Default: true, Created: aws.Created}, nil
	}
	v := &PolicyVersion{Version: version}
	var created, current int64
	number := versionNumber(version)
	err = d.db.Row(ctx, `SELECT v.document, v.created, p.current_version FROM iam_policy_version v JOIN iam_policy p ON p.id = v.policy WHERE v.policy = $1 AND v.version = $2`,
		sql.Args(e.id, number), &v.Document, &created, &current)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, versionMissing(policyARN, version)
	}
	v.Default, v.Created = current == number, sql.Time(created)
	return v, err
}

// PolicyVersions returns the versions of a managed policy, newest first.
func (d *Directory) PolicyVersions(ctx context.Context, policyARN string) ([]PolicyVersion, error) {
	e, err := d.reach(ctx, "iam:ListPolicyVersions", Ref{KindPolicy, policyARN}, Resource{})
	if err != nil {
		return nil, err
	}
	if aws := d.managed.byID[e.id]; aws != nil {
		return []PolicyVersion{{Version: aws.Version, Default: true, Created: aws.Created}}, nil
	}
	return sql.Gather(d.db.In(ctx), `SELECT v.version, v.created, p.current_version FROM iam_policy_version v JOIN iam_policy p ON p.id = v.policy WHERE v.policy = $1 ORDER BY v.version DESC`,
		sql.Args(e.id), func(row sql.Scanner) (PolicyVersion, error) {
			var number, created, current int64
			err := row.Scan(&number, &created, &current)
			return PolicyVersion{Version: versionName(number), Default: number == current, Created: sql.Time(created)}, err
		})
}

// SetDefaultPolicyVersion makes a version the one that counts, from the next request on.
func (d *Directory) SetDefaultPolicyVersion(ctx context.Context, policyARN, version string) error {
	e, err := d.reachOwnPolicy(ctx, "iam:SetDefaultPolicyVersion", policyARN)
	if err != nil {
		return err
	}
	number := versionNumber(version)
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_policy_version WHERE policy = $1 AND version = $2`, e.id, number); err != nil || n == 0 {
			return cmp.Or[error](err, versionMissing(policyARN, version))
		}
		_, err := tx.Exec(`UPDATE iam_policy SET current_version = $1, updated = $2 WHERE id = $3`, number, sql.Micros(d.options.Now()), e.id)
		return err
	})
}

// DeletePolicyVersion deletes a version that is not the default. Faults: NoSuchEntity, DeleteConflict.
func (d *Directory) DeletePolicyVersion(ctx context.Context, policyARN, version string) error {
	e, err := d.reachOwnPolicy(ctx, "iam:DeletePolicyVersion", policyARN)
	if err != nil {
		return err
	}
	number := versionNumber(version)
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_policy WHERE id = $1 AND current_version = $2`, e.id, number); err != nil || n > 0 {
			return cmp.Or[error](err, fault.New(fault.DeleteConflict, "Cannot delete the default version of a policy."))
		}
		n, err := tx.Exec(`DELETE FROM iam_policy_version WHERE policy = $1 AND version = $2`, e.id, number)
		if err == nil && n == 0 {
			err = versionMissing(policyARN, version)
		}
		return err
	})
}
