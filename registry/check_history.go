package registry

import (
	"context"
	"encoding/json"
	"time"

	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/event"
	"github.com/berth-registry/berth/storage/sql"
)

// historyMost bounds how many tags the look at events remembers. Beyond it sees less, and never what is not so.
const historyMost = 100_000

// namedTag is a tag of a repository, by the repository's name: events have no other.
type namedTag struct {
	Ref
	tag string
}

// taggedAs is what a tag named, as events of late tell it.
type taggedAs struct {
	first, then string    // digests; then is "" as long as there was one
	since       time.Time // its first event
	deleted     bool
}

// history is I8: where tags are immutable, none has named two images, as far as the events tell that are still there (event.Kept). A tag that was deleted in between may
// be used again, and who made the repository mutable in between may move it: of those nothing is said.
func (c *checker) history(ctx context.Context) error {
	tags := map[namedTag]*taggedAs{}
	err := event.Each(ctx, c.db, func(e event.Event) error {
		var t told
		if c.run.Region != "" && e.Region != c.run.Region || e.Source != "aws.ecr" || json.Unmarshal(e.Detail, &t) != nil || t.ImageTag == "" {
			return nil
		}
		at := namedTag{Ref{e.Account, e.Region, t.RepositoryName}, t.ImageTag}
		was := tags[at]
		if was == nil {
			if len(tags) == historyMost {
				clear(tags)
			}
			was = &taggedAs{since: e.At}
			tags[at] = was
		}
		switch {
		case t.ActionType == "DELETE":
			was.deleted = true
		case t.ActionType != "PUSH":
		case was.first == "":
			was.first = string(t.ImageDigest)
		case was.first != string(t.ImageDigest):
			was.then = string(t.ImageDigest)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for at, was := range tags {
		if was.then == "" || was.deleted {
			continue
		}
		immutable, err := c.immutableSince(ctx, at, was.since)
		if err != nil {
			return err
		}
		if immutable {
			r := checked{Ref: at.Ref}
			c.run.Report(r.found("I8", "tag "+at.tag, "look at the audit log who pushed it", "is immutable, and named image %s and then image %s", was.first, was.then))
		}
	}
	return nil
}

// immutableSince reports whether the repository of a tag was there and let no tag like it move since then, for all that is known.
func (c *checker) immutableSince(ctx context.Context, at namedTag, since time.Time) (bool, error) {
	var m TagMutability
	is := false
	err := c.db.Rows(ctx, `SELECT mutability, exclusions FROM repository WHERE account = $1 AND region = $2 AND name = $3 AND created_at < $4`,
		sql.Args(at.Account, at.Region, at.Name, sql.Micros(since)), func(row sql.Scanner) error {
			var exclusions string
			if err := row.Scan(&m.Mode, &exclusions); err != nil {
				return err
			}
			is = json.Unmarshal([]byte(exclusions), &m.Exclusions) == nil && m.IsImmutable(at.tag)
			return nil
		})
	if err != nil || !is {
		return false, err
	}
	changed, err := audit.Happened(ctx, c.db, "ecr:PutImageTagMutability", at.ARN(), since)
	return !changed, err
}
