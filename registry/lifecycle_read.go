package registry

import (
	"context"
	"math"
	"time"

	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// evaluateAtOnce is how many images an evaluation reads at a time. It keeps no more than these, whatever the size of the repository.
const evaluateAtOnce = 500

// ruled is an image and what a policy does with it.
type ruled struct {
	agedImage
	lifecycle.Verdict
	// kept is why an image stays that its rule would not keep, or that no rule is asked about.
	kept Protection
	// archived is when, in a forecast, the image goes to the archive first, and by is the rule that sends it there; the verdict is the archive's.
	archived time.Time
	by       *lifecycle.Rule
}

// goes reports whether the policy does something with the image.
func (r *ruled) goes() bool { return r.Action != lifecycle.Keep && r.kept.By == "" }

// agedImage is an image as rules see it.
type agedImage struct {
	digest oci.Digest
	lifecycle.Image
	size int64
	// subject is what it refers to, if that is in the repository: what refers to nothing there is an image of its own; child says that it has no tags and an index lists it. Of either no rule is asked: they live and die with the image that they
	// belong to (LC-21, LC-22).
	subject oci.Digest
	child   bool
	index   bool // it may list others
}

// evaluation is a policy asked about every image of a repository, newest first.
type evaluation struct {
	*Repo
	run *lifecycle.Run
	// from is the moment at which the repository is looked at, at the one as of which the policy is asked: later, in a forecast.
	from, at time.Time
	// after is the image before the first one.
	after *agedImage
	// slice is how many images are read at a time.
	slice int
	// ahead looks beyond what one run would do; nil for a run.
	ahead *ahead
}

// evaluate asks the policy about every image of the repository as of the time given, newest first, and calls each with some at a time. Each part is read for itself:
// a long evaluation holds up nobody. What is pushed meanwhile is not seen, so that counts are rather too small; who acts upon the answer has to look again.
func (r *Repo) evaluate(ctx context.Context, p *lifecycle.Policy, at time.Time, each func(some []ruled) error) error {
	e := &evaluation{Repo: r, run: p.Begin(at), from: at, at: at, after: newest(), slice: evaluateAtOnce}
	return e.all(ctx, each)
}

// newest stands before every image.
func newest() *agedImage { return &agedImage{Image: lifecycle.Image{Pushed: sql.Time(math.MaxInt64)}} }

// all goes on to the end. What each changes of the evaluation counts for the next slice.
func (e *evaluation) all(ctx context.Context, each func(some []ruled) error) error {
	for more := true; more; {
		var some []ruled
		err := e.g.db.View(ctx, func(tx *sql.Tx) error {
			images, err := e.aged(tx, e.after, e.slice, e.from)
			if err != nil {
				return err
			}
			guard, err := e.guard(tx, e.at)
			if err != nil {
				return err
			}
			some = make([]ruled, len(images))
			for i := range images {
				some[i].agedImage = images[i]
				if err := e.rule(tx, guard, &some[i]); err != nil {
					return err
				}
			}
			if more = len(images) == e.slice; more {
				e.after = &images[len(images)-1]
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := each(some); err != nil {
			return err
		}
	}
	return nil
}

// rule asks about one image.
func (e *evaluation) rule(tx *sql.Tx, g guard, s *ruled) (err error) {
	switch {
	case s.subject != "":
		s.kept = ofSubject(&s.agedImage)
		return nil
	case s.child:
		s.kept = Protection{"index", "it is part of an index, with which it lives and goes"}
		return nil
	}
	if s.Verdict = e.run.Next(&s.Image); s.Action == lifecycle.Keep {
		return nil
	}
	if s.kept, err = e.protection(tx, g, &s.agedImage); err != nil || e.ahead == nil {
		return err
	}
	return e.ahead.look(tx, e, g, s)
}

// selectAged reads images with their tags, a row for each tag. What an image is a child of is asked of those without tags only.
const selectAged = `SELECT m.digest, m.pushed_at, m.last_pull, m.status, m.archived_at, m.activated_at,
	CASE WHEN m.subject <> '' AND EXISTS (SELECT 1 FROM manifest s WHERE s.repository_id = $1 AND s.digest = m.subject) THEN m.subject ELSE '' END, m.image_size, m.media_type, COALESCE(t.name, ''),
	CASE WHEN t.name IS NULL THEN EXISTS (SELECT 1 FROM manifest_ref f WHERE f.repository_id = $1 AND f.child = m.digest AND f.kind = 'manifest') ELSE FALSE END
	FROM (SELECT digest, pushed_at, last_pull, status, archived_at, activated_at, subject, image_size, media_type FROM manifest WHERE repository_id = $1 AND `

// aged reads some images, newest first, those of one moment by digest (LC-15, LC-20), from after the one given.
func (r *Repo) aged(tx *sql.Tx, after *agedImage, limit int, now time.Time) ([]agedImage, error) {
	return r.scanAged(tx, selectAged+`(pushed_at, digest) < ($2, $3) ORDER BY pushed_at DESC, digest DESC LIMIT $4) m
		LEFT JOIN tag t ON t.repository_id = $1 AND t.digest = m.digest ORDER BY m.pushed_at DESC, m.digest DESC, t.name`,
		sql.Args(r.ID, sql.Micros(after.Pushed), after.digest, limit), now)
}

// agedOne reads one image; none if it is not there.
func (r *Repo) agedOne(tx *sql.Tx, d oci.Digest, now time.Time) (*agedImage, error) {
	list, err := r.scanAged(tx, selectAged+`digest = $2) m LEFT JOIN tag t ON t.repository_id = $1 AND t.digest = m.digest ORDER BY t.name`, sql.Args(r.ID, d), now)
	if len(list) == 0 || err != nil {
		return nil, err
	}
	return &list[0], nil
}

func (r *Repo) scanAged(tx *sql.Tx, query string, args []any, now time.Time) (list []agedImage, err error) {
	var digest, status, subject, mediaType, tag string
	var pushed, pulled, archived, activated, size int64
	var child bool
	into := []any{&digest, &pushed, &pulled, &status, &archived, &activated, &subject, &size, &mediaType, &tag, &child}
	err = tx.Rows(query, args, func(row sql.Scanner) error {
		if err := row.Scan(into...); err != nil {
			return err
		}
		if n := len(list); n == 0 || string(list[n-1].digest) != digest {
			i := agedImage{digest: oci.Digest(digest), subject: oci.Digest(subject), size: size, child: child, index: mediaType == oci.MediaTypeImageIndex || mediaType == oci.MediaTypeDockerManifestList}
			i.Pushed, i.Pulled, i.Archived, i.Activated = sql.Time(pushed), sometime(pulled), sometime(archived), sometime(activated)
			switch ImageStatus(status) {
			case Archived:
				i.Class = lifecycle.Archive
			case Activating: // it is as good as restored
				i.Class, i.Activated = lifecycle.Standard, now
			default:
				i.Class = lifecycle.Standard
			}
			list = append(list, i)
		}
		if tag != "" {
			i := &list[len(list)-1]
			i.Tags = append(i.Tags, tag)
		}
		return nil
	})
	return list, err
}
