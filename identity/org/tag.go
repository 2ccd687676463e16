package org

import (
	"context"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// Tag is one tag of a root, unit, account, policy or resource policy. Keys differ by case.
type Tag struct{ Key, Value string }

// mostTags bounds the tags of one thing.
const mostTags = 50

// checkTags holds tags that are added at once to ORG-23: no key twice, none of AWS's own. Their form is the service model's matter.
func checkTags(tags []Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return invalid("INVALID_SYSTEM_TAGS_PARAMETER", "You specified a tag key that is a system tag. You can't add, edit, or delete system tag keys.")
		}
		if seen[t.Key] {
			return invalid("DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags attached to the same entity.")
		}
		seen[t.Key] = true
	}
	return nil
}

func tagMap(tags []Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// tags are those of a root, unit, account, policy or resource policy of the organization (ORG-23); none for what is not there.
func (o *Organizations) tags(ctx context.Context, f *Organization, id string) (map[string]string, error) {
	m := map[string]string{}
	err := o.db.Rows(ctx, `SELECT name, value FROM org_tag WHERE organization = $1 AND resource = $2`, sql.Args(f.ID, id), func(row sql.Scanner) error {
		var k, v string
		err := row.Scan(&k, &v)
		m[k] = v
		return err
	})
	return m, err
}

// putTags adds tags to something of the organization that is there; a key that it has gets the new value. Fault: ConstraintViolation for too many.
func putTags(tx *sql.Tx, organization, id string, tags []Tag) error {
	for _, t := range tags {
		if _, err := tx.Exec(`INSERT INTO org_tag (organization, resource, name, value) VALUES ($1, $2, $3, $4)
			ON CONFLICT (organization, resource, name) DO UPDATE SET value = excluded.value`, organization, id, t.Key, t.Value); err != nil {
			return err
		}
	}
	n, err := tx.Count(`SELECT COUNT(*) FROM org_tag WHERE organization = $1 AND resource = $2`, organization, id)
	if err == nil && n > mostTags {
		err = violation("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource.")
	}
	return err
}

// Tag adds tags to a root, unit, account, policy or resource policy (ORG-23). Faults: TargetNotFound, InvalidInput, ConstraintViolation.
func (o *Organizations) Tag(ctx context.Context, id string, tags []Tag) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	f, err := o.enter(ctx, access{action: "TagResource", targets: []string{id}, request: iam.Resource{RequestTags: tagMap(tags)}})
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.holds(tx, id); err != nil {
			return err
		}
		return putTags(tx, f.ID, id, tags)
	})
}

// Untag takes tags away; keys that are not there are ignored. Faults: TargetNotFound, InvalidInput.
func (o *Organizations) Untag(ctx context.Context, id string, keys []string) error {
	f, err := o.enter(ctx, access{action: "UntagResource", targets: []string{id}, request: iam.Resource{TagKeys: keys}})
	if err != nil {
		return err
	}
	return o.commit(ctx, func(tx *sql.Tx) error {
		if err := f.holds(tx, id); err != nil {
			return err
		}
		for _, k := range keys {
			if _, err := tx.Exec(`DELETE FROM org_tag WHERE organization = $1 AND resource = $2 AND name = $3`, f.ID, id, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Tags returns a page of the tags of a root, unit, account, policy or resource policy, by key. Faults: TargetNotFound.
func (o *Organizations) Tags(ctx context.Context, id string, p Page) ([]Tag, string, error) {
	f, err := o.enter(ctx, access{action: "ListTagsForResource", by: readers, targets: []string{id}})
	if err != nil {
		return nil, "", err
	}
	var out []Tag
	err = o.db.View(ctx, func(tx *sql.Tx) error {
		if err := f.holds(tx, id); err != nil {
			return err
		}
		out, err = sql.Gather(tx.Rows, `SELECT name, value FROM org_tag WHERE organization = $1 AND resource = $2 AND name > $3 ORDER BY name LIMIT $4`,
			sql.Args(f.ID, id, p.After, p.limit()+1), func(row sql.Scanner) (t Tag, err error) { return t, row.Scan(&t.Key, &t.Value) })
		return err
	})
	out, next := cut(p, out, func(t *Tag) string { return t.Key })
	return out, next, err
}

// holds fails unless the organization has something with this id that can be tagged.
func (f *Organization) holds(tx *sql.Tx, id string) error {
	query := `SELECT COUNT(*) FROM org_node WHERE organization = $1 AND id = $2`
	switch kindOf(id) {
	case kindAccount:
		query = `SELECT COUNT(*) FROM org_account WHERE organization = $1 AND account = $2`
	case kindPolicy:
		query = `SELECT COUNT(*) FROM org_policy WHERE organization = $1 AND id = $2`
	case kindResourcePolicy:
		query = `SELECT COUNT(*) FROM org_resource_policy WHERE organization = $1 AND id = $2`
	}
	ok, err := there(tx, query, f.ID, id)
	if err == nil && !ok {
		err = errNoTarget()
	}
	return err
}

func errNoTarget() error {
	return fault.New(fault.TargetNotFound, "You specified a target that doesn't exist.")
}

// enterNew is enter for the making of something: who makes it with tags must also be allowed to tag it.
func (o *Organizations) enterNew(ctx context.Context, a access) (*Organization, error) {
	if len(a.request.RequestTags) > 0 {
		tag := a
		tag.action, tag.targets = "TagResource", nil
		if _, err := o.enter(ctx, tag); err != nil {
			return nil, err
		}
	}
	return o.enter(ctx, a)
}
