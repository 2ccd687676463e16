package iam

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// Tag is one tag of a user, role, policy or instance profile.
type Tag struct{ Key, Value string }

// checkTags holds tags to the rules: at most 50, keys of 1 to 128 characters that are unique without regard to case and not of AWS's own (IAM-4, IAM-11).
func checkTags(tags []Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		if n := utf8.RuneCountInString(t.Key); n < 1 || n > 128 || utf8.RuneCountInString(t.Value) > 256 {
			return fault.New(fault.InvalidInput, "Tag keys must have 1 to 128 characters and tag values at most 256.")
		}
		if strings.HasPrefix(fold(t.Key), "aws:") {
			return fault.New(fault.InvalidInput, "Tag keys beginning with aws: are reserved and cannot be set: %s", t.Key)
		}
		if seen[fold(t.Key)] {
			return fault.New(fault.InvalidInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[fold(t.Key)] = true
	}
	if len(tags) > mostTags {
		return tooManyTags()
	}
	return nil
}

func tooManyTags() error {
	return fault.New(fault.LimitExceeded, "The number of tags has reached the maximum limit: %d", mostTags)
}

func tagMap(tags []Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// tags reads the tags of one owner.
func (d *Directory) tags(ctx context.Context, owner string) (map[string]string, error) {
	m := map[string]string{}
	err := d.db.Rows(ctx, `SELECT name, value FROM iam_tag WHERE owner = $1`, sql.Args(owner), func(row sql.Scanner) error {
		var k, v string
		err := row.Scan(&k, &v)
		m[k] = v
		return err
	})
	return m, err
}

// readTags reads the tags of one owner as operations answer them: by key.
func readTags(tx *sql.Tx, owner string) ([]Tag, error) {
	return sql.Gather(tx.Rows, `SELECT name, value FROM iam_tag WHERE owner = $1 ORDER BY folded`, sql.Args(owner), scanTag)
}

func scanTag(row sql.Scanner) (t Tag, err error) { return t, row.Scan(&t.Key, &t.Value) }

func putTags(tx *sql.Tx, owner string, tags []Tag) error {
	for _, t := range tags {
		if _, err := tx.Exec(`INSERT INTO iam_tag (owner, folded, name, value) VALUES ($1, $2, $3, $4)
			ON CONFLICT (owner, folded) DO UPDATE SET name = excluded.name, value = excluded.value`, owner, fold(t.Key), t.Key, t.Value); err != nil {
			return err
		}
	}
	return nil
}

// Tag adds tags to a user, role, policy or instance profile; a key that it has gets the new value. Faults: NoSuchEntity, InvalidInput, LimitExceeded.
func (d *Directory) Tag(ctx context.Context, on Ref, tags []Tag) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	e, err := d.reach(ctx, "iam:Tag"+on.Kind.title(), on, Resource{RequestTags: tagMap(tags)})
	if err != nil {
		return err
	}
	if err := d.taggable(e); err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		if err := putTags(tx, e.id, tags); err != nil {
			return err
		}
		n, err := tx.Count(`SELECT COUNT(*) FROM iam_tag WHERE owner = $1`, e.id)
		if err == nil && n > mostTags {
			err = tooManyTags()
		}
		return err
	})
}

// Untag takes tags away; keys that are not there are ignored.
func (d *Directory) Untag(ctx context.Context, on Ref, keys []string) error {
	e, err := d.reach(ctx, "iam:Untag"+on.Kind.title(), on, Resource{TagKeys: keys})
	if err != nil {
		return err
	}
	if err := d.taggable(e); err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		for _, k := range keys {
			if _, err := tx.Exec(`DELETE FROM iam_tag WHERE owner = $1 AND folded = $2`, e.id, fold(k)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Tags returns a page of the tags of a user, role, policy or instance profile, by key.
func (d *Directory) Tags(ctx context.Context, on Ref, p Page) ([]Tag, string, error) {
	e, err := d.reach(ctx, "iam:List"+on.Kind.title()+"Tags", on, Resource{})
	if err != nil {
		return nil, "", err
	}
	out, err := sql.Gather(d.db.In(ctx), `SELECT name, value FROM iam_tag WHERE owner = $1 AND folded > $2 ORDER BY folded LIMIT $3`, sql.Args(e.id, p.After, p.limit()+1), scanTag)
	out, next := cut(p, out, func(t *Tag) string { return fold(t.Key) })
	return out, next, err
}

// taggable refuses to tag what AWS keeps. Service-linked roles take tags, though they do not change otherwise.
func (d *Directory) taggable(e *entity) error {
	if e.kind == KindRole {
		return nil
	}
	return d.changeable(e)
}

// changeable refuses to change what AWS keeps.
func (d *Directory) changeable(e *entity) error {
	if e.kind == KindPolicy && e.account == awsAccount {
		return fault.New(fault.InvalidInput, "Policy %s is managed by AWS and cannot be changed.", e.arn())
	}
	if e.kind == KindRole && strings.HasPrefix(e.path, serviceRolePath) {
		return fault.New(fault.UnmodifiableEntity, "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", e.name)
	}
	return nil
}
