package iam

import (
	"context"
	"errors"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

func noSuchInline(k Kind, name string) error {
	return fault.New(fault.NoSuchEntity, "The %s policy with name %s cannot be found.", k, name)
}

// PutInlinePolicy stores an inline policy of a user, group or role, byte for byte, in place of one of the same name.
// Faults: NoSuchEntity, MalformedPolicyDocument, LimitExceeded (IAM-4).
func (d *Directory) PutInlinePolicy(ctx context.Context, on Ref, name, document string) error {
	if err := checkName(KindPolicy, name); err != nil {
		return err
	}
	e, err := d.reach(ctx, "iam:Put"+on.Kind.title()+"Policy", on, Resource{})
	if err != nil {
		return err
	}
	if err := d.changeable(e); err != nil {
		return err
	}
	if err := checkDocument(document, policy.Identity); err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO iam_inline (owner, name, document) VALUES ($1, $2, $3) ON CONFLICT (owner, name) DO UPDATE SET document = excluded.document`,
			e.id, name, document); err != nil {
			return err
		}
		total := 0
		err := tx.Rows(`SELECT document FROM iam_inline WHERE owner = $1`, sql.Args(e.id), func(row sql.Scanner) error {
			var text string
			err := row.Scan(&text)
			total += length(text)
			return err
		})
		if err == nil && total > e.kind.inlineQuota() {
			err = fault.New(fault.LimitExceeded, "Maximum policy size of %d bytes exceeded for %s %s", e.kind.inlineQuota(), e.kind, e.name)
		}
		return err
	})
}

// InlinePolicy returns the document of an inline policy. Faults: NoSuchEntity.
func (d *Directory) InlinePolicy(ctx context.Context, on Ref, name string) (document string, err error) {
	e, err := d.reach(ctx, "iam:Get"+on.Kind.title()+"Policy", on, Resource{})
	if err != nil {
		return "", err
	}
	err = d.db.Row(ctx, `SELECT document FROM iam_inline WHERE owner = $1 AND name = $2`, sql.Args(e.id, name), &document)
	if errors.Is(err, sql.ErrNoRows) {
		err = noSuchInline(on.Kind, name)
	}
	return document, err
}

// InlinePolicies returns a page of the names of the inline policies of a user, group or role.
func (d *Directory) InlinePolicies(ctx context.Context, on Ref, p Page) ([]string, string, error) {
	e, err := d.reach(ctx, "iam:List"+on.Kind.title()+"Policies", on, Resource{})
	if err != nil {
		return nil, "", err
	}
	out, err := sql.Gather(d.db.In(ctx), `SELECT name FROM iam_inline WHERE owner = $1 AND name > $2 ORDER BY name LIMIT $3`, sql.Args(e.id, p.After, p.limit()+1), func(row sql.Scanner) (name string, err error) { return name, row.Scan(&name) })
	out, next := cut(p, out, func(name *string) string { return *name })
	return out, next, err
}

// DeleteInlinePolicy deletes an inline policy. Faults: NoSuchEntity.
func (d *Directory) DeleteInlinePolicy(ctx context.Context, on Ref, name string) error {
	e, err := d.reach(ctx, "iam:Delete"+on.Kind.title()+"Policy", on, Resource{})
	if err != nil {
		return err
	}
	if err := d.changeable(e); err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM iam_inline WHERE owner = $1 AND name = $2`, e.id, name)
		if err == nil && n == 0 {
			err = noSuchInline(on.Kind, name)
		}
		return err
	})
}
