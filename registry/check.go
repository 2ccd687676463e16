package registry

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/event"
	"github.com/berth-registry/berth/storage/sql"
)

// Check looks whether what registries keep in a database and its blob stores is as it has to be: the invariants I1 to I8 and I10 of durability.md, section 1. archive is
// nil without a store for archived layers. It changes nothing but what the run asks to have repaired, and works beside running servers: what belongs together is read in
// one snapshot, and what is found about an object holds only if its row still says the same afterwards, so that pushes, deletions and the collection of garbage that go
// on meanwhile are no findings. It needs memory for a page of rows at a time.
//
// A database of another version is a sql.SchemaError, and nothing is looked at.
func Check(ctx context.Context, db *sql.DB, blobs, archive blob.Store, run *check.Run) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := db.CheckSchema(ctx, "registry", steps); err != nil {
		return err
	}
	if err := event.CheckSchema(ctx, db); err != nil {
		return err
	}
	c := &checker{objects: objects{db, blobs, archive}, run: run}
	if run.Store {
		if err := c.claim(ctx, true); err != nil {
			return err
		}
	} else if err := Belongs(ctx, db, blobs, archive); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.repositories, c.registries, c.history, c.uploads, c.allBlobs} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if run.Region != "" { // what nothing leads to belongs to no region
		return nil
	}
	return c.leaks(ctx)
}

// checker is one run of Check.
type checker struct {
	objects
	run *check.Run
	// unread is how many of the last blobs could not be read, without another between.
	unread int
}

// checked is a repository that is looked at.
type checked struct {
	Ref
	id int64
}

// found is a finding about something in the repository.
func (r *checked) found(invariant, object, repair, detail string, args ...any) check.Finding {
	return check.Finding{Invariant: invariant, Account: r.Account, Region: r.Region, Repository: r.Name, Object: object, Detail: fmt.Sprintf(detail, args...), Repair: repair}
}

// pageRows is how many rows one page has.
const pageRows = 500

// repositories looks at each repository: its settings, tags, images and layers.
func (c *checker) repositories(ctx context.Context) error {
	var total int64
	if err := c.db.Row(ctx, `SELECT count(*) FROM manifest m JOIN repository r ON r.id = m.repository_id WHERE r.region = $1 OR $1 = ''`, sql.Args(c.run.Region), &total); err != nil {
		return err
	}
	images := progress{c.run, "images", 0, total}
	for after := int64(-1); ; {
		var page []checked
		// One without an account is deleted, and on its way out.
		err := c.db.Rows(ctx, `SELECT id, account, region, name FROM repository WHERE id > $1 AND account <> '' AND (region = $2 OR $2 = '') ORDER BY id LIMIT $3`,
			sql.Args(after, c.run.Region, pageRows), func(row sql.Scanner) error {
				var r checked
				err := row.Scan(&r.id, &r.Account, &r.Region, &r.Name)
				page = append(page, r)
				return err
			})
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			r := &page[i]
			for _, look := range []func(context.Context, *checked) error{c.settings, c.tags, c.tagged, c.layers, c.unused, c.removed} {
				if err := look(ctx, r); err != nil {
					return fmt.Errorf("repository %s: %w", r.ARN(), err)
				}
			}
			if err := c.images(ctx, r, &images); err != nil {
				return fmt.Errorf("repository %s: %w", r.ARN(), err)
			}
		}
		after = page[len(page)-1].id
	}
}

// each runs a query for page after page of what is wrong in a repository. The query's parameters are the repository, where the last page ended, and how many rows a
// page has; find reads a row, and answers where it stands.
func (c *checker) each(ctx context.Context, r *checked, query string, find func(row sql.Scanner) (at string, f check.Finding, err error)) error {
	for after, full := "", true; full; {
		var page []check.Finding
		err := c.db.Rows(ctx, query, sql.Args(r.id, after, pageRows), func(row sql.Scanner) error {
			at, f, err := find(row)
			after, page = at, append(page, f)
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range page {
			c.run.Report(f)
		}
		full = len(page) == pageRows
	}
	return nil
}

// ofLiving joins the repository of x, which must not be on its way out.
const ofLiving = ` JOIN repository r ON r.id = x.repository_id AND r.account <> '' WHERE x.repository_id = $1 `

// tags is I1: a tag names an image of its repository.
func (c *checker) tags(ctx context.Context, r *checked) error {
	return c.each(ctx, r, `SELECT x.name, x.digest FROM tag x`+ofLiving+`AND x.name > $2
		AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = x.repository_id AND m.digest = x.digest) ORDER BY x.name LIMIT $3`,
		func(row sql.Scanner) (tag string, f check.Finding, err error) {
			var digest string
			err = row.Scan(&tag, &digest)
			return tag, r.found("I1", "tag "+tag, "push the image again, or delete the tag", "names image %s, which is not there", digest), err
		})
}

// tagged is of I6: an image says of itself whether it has tags, for lists to be quick.
func (c *checker) tagged(ctx context.Context, r *checked) error {
	return c.each(ctx, r, `SELECT x.digest, x.tagged FROM manifest x`+ofLiving+`AND x.digest > $2
		AND x.tagged <> EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = x.repository_id AND t.digest = x.digest) ORDER BY x.digest LIMIT $3`,
		func(row sql.Scanner) (digest string, f check.Finding, err error) {
			var is bool
			err = row.Scan(&digest, &is)
			detail := "has tags, and is listed as untagged"
			if is {
				detail = "has no tags, and is listed as tagged"
			}
			return digest, r.found("I6", "image "+digest, "tag it and remove the tag again", "%s", detail), err
		})
}

// uploads is I7: what nobody will come back for is gone after a day, rows as well as bytes. The sweep of a server has some hours more.
func (c *checker) uploads(ctx context.Context) error {
	const repair = "a running server removes it within the hour"
	before := c.db.Now().Add(-uploadLifetime - 3*time.Hour)
	for after := ""; ; {
		var page []check.Finding
		err := c.db.Rows(ctx, `SELECT u.id, u.size, u.touched_at, r.account, r.region, r.name FROM upload u JOIN repository r ON r.id = u.repository_id AND r.account <> ''
			WHERE u.touched_at < $1 AND u.id > $2 AND (r.region = $3 OR $3 = '') ORDER BY u.id LIMIT $4`, sql.Args(sql.Micros(before), after, c.run.Region, pageRows), func(row sql.Scanner) error {
			var r checked
			var size, at int64
			err := row.Scan(&after, &size, &at, &r.Account, &r.Region, &r.Name)
			page = append(page, r.found("I7", "upload "+after, repair, "was left alone since %s, with %d bytes", sql.Time(at).Format(time.DateTime), size))
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range page {
			c.run.Report(f)
		}
		if len(page) < pageRows {
			break
		}
	}
	if c.run.Region != "" {
		return nil
	}
	for _, store := range c.stores() {
		// Nothing is removed of what is called live.
		_, err := store.Sweep(ctx, before, func(id string) (bool, error) {
			var known bool
			err := c.db.Row(ctx, uploadKnown, sql.Args(id), &known)
			if err == nil && !known {
				c.run.Report(check.Finding{Invariant: "I7", Object: "upload " + id, Detail: "has bytes in the blob store, and no row", Repair: repair})
			}
			return true, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// progress tells how far a step has come.
type progress struct {
	run         *check.Run
	step        string
	done, total int64
}

func (p *progress) add(n int64) {
	p.done += n
	if p.run.Progress != nil {
		p.run.Progress(p.step, p.done, max(p.done, p.total))
	}
}
