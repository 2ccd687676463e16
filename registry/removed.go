package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// RemovedImage is an image that was deleted and can be brought back (Options.KeepRemoved).
type RemovedImage struct {
	Image
	RemovedAt time.Time
	RemovedBy string // ARN, or the name of a service
	Reason    string // what removed it: an operation, or the rule of a lifecycle policy
	Until     time.Time
}

// Brought is what Restore did.
type Brought struct {
	// Images came back: the one that was asked for first, with the tags that it has again, then its children and what refers to it.
	Images []RestoredImage
	// Elsewhere are tags that it does not have again, and why.
	Elsewhere []TagElsewhere
	// Notes say in words what becomes of the image that was asked for: a lifecycle policy would take it again, or it cannot be pulled.
	Notes []string
}

// RestoredImage is an image that came back, with the tags that it has again.
type RestoredImage struct {
	Digest oci.Digest
	Tags   []string
}

// TagElsewhere is a tag that a restored image had and does not have again.
type TagElsewhere struct {
	Tag    string
	Reason string
}

// removedRow is what is kept of a manifest's row beside its body.
type removedRow struct {
	MediaType, ArtifactMediaType, ArtifactType string
	Annotations                                json.RawMessage
	Subject                                    oci.Digest
	ImageSize                                  int64
	PushedAt, LastPull                         int64
	Status                                     ImageStatus
	ArchivedAt, ActivatedAt                    int64
	LastPuller                                 string
	Signing                                    []SigningStatus `json:",omitempty"`
}

// removedTag is a tag that a removed image had.
type removedTag struct {
	name      string
	updatedAt int64
}

// keepRemoved keeps an image that is about to be deleted, so that it can be brought back. removal is that of the image with which it goes, 0 of that itself; the answer
// is what those that go with it take as theirs.
func (r *Repo) keepRemoved(tx *sql.Tx, d oci.Digest, removal int64) (int64, error) {
	if r.g.keep == 0 {
		return 0, nil
	}
	var row removedRow
	var annotations string
	err := tx.Row(`SELECT media_type, artifact_media_type, artifact_type, annotations, subject, image_size, pushed_at, last_pull, status, archived_at, activated_at, last_puller
		FROM manifest WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, d), &row.MediaType, &row.ArtifactMediaType, &row.ArtifactType, &annotations,
		&row.Subject, &row.ImageSize, &row.PushedAt, &row.LastPull, &row.Status, &row.ArchivedAt, &row.ActivatedAt, &row.LastPuller)
	if err != nil {
		return 0, err
	}
	if row.Signing, err = r.signingOf(tx, d); err != nil {
		return 0, err
	}
	row.Annotations = json.RawMessage(annotations)
	now := r.g.now()
	by, why := r.call.Audit.Principal, r.why
	if why == "" {
		why = r.call.Audit.Action
	}
	id, err := tx.InsertNew(now, func(id int64) (int64, error) {
		first := removal
		if first == 0 {
			first = id
		}
		return tx.Exec(`INSERT INTO removed_image (id, removal, repository_id, digest, manifest, body, removed_at, removed_by, reason)
			SELECT $1, $2, repository_id, digest, $3, body, $4, $5, $6 FROM manifest WHERE repository_id = $7 AND digest = $8 ON CONFLICT (id) DO NOTHING`,
			id, first, toJSON(row), sql.Micros(now), by, why, r.ID, d)
	})
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(`INSERT INTO removed_tag (removed_id, repository_id, name, updated_at) SELECT CAST($1 AS BIGINT), repository_id, name, updated_at
		FROM tag WHERE repository_id = $2 AND digest = $3`, id, r.ID, d); err != nil {
		return 0, err
	}
	for _, t := range r.lost[d] { // by the same request: they go together, and come back together
		if _, err := tx.Exec(`INSERT INTO removed_tag (removed_id, repository_id, name, updated_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, id, r.ID, t.name, t.updatedAt); err != nil {
			return 0, err
		}
	}
	_, err = tx.Exec(`INSERT INTO removed_ref (removed_id, repository_id, child, kind, media_type) SELECT CAST($1 AS BIGINT), repository_id, child, kind, media_type
		FROM manifest_ref WHERE repository_id = $2 AND parent = $3`, id, r.ID, d)
	if removal == 0 {
		removal = id
	}
	return removal, err
}

// RemovedImages lists the images that were deleted and can be brought back, the last removed first, limit at a time after the cursor that the page before ended with. What
// went with an image because it refers to it is not listed by itself.
func (r *Repo) RemovedImages(ctx context.Context, after string, limit int) (list []RemovedImage, next string, err error) {
	where, args := "", sql.Args(r.ID, sql.Micros(r.g.now().Add(-r.g.keep)))
	if after != "" {
		id, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, "", fmt.Errorf("cursor %q", after)
		}
		where, args = " AND id < $3", append(args, id)
	}
	var last int64
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		var ids []int64
		list, next = nil, ""
		err := tx.Rows(`SELECT id, digest, manifest, removed_at, removed_by, reason FROM removed_image WHERE repository_id = $1 AND removal = id AND removed_at > $2`+where+
			` ORDER BY id DESC LIMIT `+strconv.Itoa(limit+1), args, func(row sql.Scanner) error {
			var i RemovedImage
			var id, at int64
			var text []byte
			if err := row.Scan(&id, &i.Digest, &text, &at, &i.RemovedBy, &i.Reason); err != nil {
				return err
			}
			var was removedRow
			if err := json.Unmarshal(text, &was); err != nil {
				return err
			}
			i.Image = was.image(i.Digest)
			i.RemovedAt, i.Until = sql.Time(at), sql.Time(at).Add(r.g.keep)
			ids, list = append(ids, id), append(list, i)
			return nil
		})
		if err != nil {
			return err
		}
		if len(list) > limit {
			list, last = list[:limit], ids[limit-1]
			next = strconv.FormatInt(last, 10)
		}
		for i := range list {
			tags, err := removedTags(tx, ids[i])
			if err != nil {
				return err
			}
			for _, t := range tags {
				list[i].Tags = append(list[i].Tags, t.name)
			}
		}
		return nil
	})
	return list, next, err
}

func (w *removedRow) image(d oci.Digest) Image {
	return Image{
		Digest: d, Size: w.ImageSize, PushedAt: sql.Time(w.PushedAt), LastPull: sometime(w.LastPull), MediaType: w.MediaType, ArtifactMediaType: w.ArtifactMediaType,
		Subject: w.Subject, Status: w.Status, ArchivedAt: sometime(w.ArchivedAt), ActivatedAt: sometime(w.ActivatedAt),
	}
}

func removedTags(tx *sql.Tx, id int64) (tags []removedTag, err error) {
	err = tx.Rows(`SELECT name, updated_at FROM removed_tag WHERE removed_id = $1 ORDER BY name`, sql.Args(id), func(row sql.Scanner) error {
		var t removedTag
		err := row.Scan(&t.name, &t.updatedAt)
		tags = append(tags, t)
		return err
	})
	return tags, err
}

// Restore brings back a deleted image, as it was when it was last deleted: with its tags and times, with what referred to it and went with it, and with those of its
// children that were deleted too. An image that was pushed again meanwhile gets its tags back. A tag that names another image now, or that the repository would
// refuse, stays as it is and is told.
//
// The faults are ImageNotFound when there is no such removed image, LayersNotFound and ReferencedImagesNotFound when what it needs is there no more, and LimitExceeded.
func (r *Repo) Restore(ctx context.Context, id Reference) (*Brought, error) {
	r.note(id.Tag, id.Digest)
	full, err := r.g.sizes.full(ctx, r)
	if err != nil {
		return nil, err
	}
	var out *Brought
	came := 0
	err = r.write(ctx, func(tx *sql.Tx) error {
		out, came = &Brought{}, 0
		first, err := r.findRemoved(tx, id)
		if err != nil {
			return err
		}
		rules, err := r.tagRules(tx)
		if err != nil {
			return err
		}
		came, err = r.bringBack(tx, first, rules, out)
		if err == nil {
			r.note("", out.Images[0].Digest)
		}
		if err == nil && full && came > 0 {
			err = fault.New(fault.LimitExceeded, "The repository with name '%s' holds %d images, which is the limit", r.Name, r.g.limits.Images)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for range came {
		r.g.sizes.added(r.ID)
	}
	if err := r.notes(ctx, out); err != nil { // it is back all the same
		slog.WarnContext(ctx, "what becomes of a restored image could not be found out", "repository", r.ARN(), "image", out.Images[0].Digest, "error", err)
	}
	return out, nil
}

// notes says what becomes of what was restored. A count can only be known from the newest image on.
func (r *Repo) notes(ctx context.Context, out *Brought) error {
	d, now := out.Images[0].Digest, r.g.now()
	name := string(d)
	if tags := out.Images[0].Tags; len(tags) > 0 {
		name = tags[0]
	}
	var policy *lifecycle.Policy
	err := r.g.db.View(ctx, func(tx *sql.Tx) error {
		i, err := r.agedOne(tx, d, now)
		if i == nil || err != nil {
			return err
		}
		if i.Class == lifecycle.Archive {
			out.Notes = append(out.Notes, "it is in the archive: it cannot be pulled before it is brought back from there, as by `aws ecr update-image-storage-class`")
		}
		l, err := r.lifecycle(tx)
		if fault.Is(err, fault.LifecyclePolicyNotFound) {
			return nil
		}
		if err == nil {
			policy, err = parseLifecycle(l.Text)
		}
		return err
	})
	if policy == nil || err != nil {
		return err
	}
	err = r.evaluate(ctx, policy, now, func(some []ruled) error {
		at := slices.IndexFunc(some, func(s ruled) bool { return s.digest == d })
		if at < 0 {
			return nil
		}
		if s := &some[at]; s.goes() {
			out.Notes = append(out.Notes, fmt.Sprintf("rule %d of the lifecycle policy will %s it again; `berth image lock %s %s --reason TEXT` keeps it", s.Rule.Priority, actionName(s.Action), r.Name, name))
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// findRemoved finds the image that was last removed under a tag or a digest.
func (r *Repo) findRemoved(tx *sql.Tx, id Reference) (found int64, err error) {
	since := sql.Micros(r.g.now().Add(-r.g.keep))
	if id.Tag != "" {
		err = tx.Row(`SELECT i.id FROM removed_tag t JOIN removed_image i ON i.id = t.removed_id WHERE t.repository_id = $1 AND t.name = $2 AND (i.digest = $3 OR $3 = '')
			AND i.removed_at > $4 ORDER BY t.removed_id DESC LIMIT 1`, sql.Args(r.ID, id.Tag, string(id.Digest), since), &found)
	} else {
		err = tx.Row(`SELECT id FROM removed_image WHERE repository_id = $1 AND digest = $2 AND removed_at > $3 ORDER BY id DESC LIMIT 1`, sql.Args(r.ID, id.Digest, since), &found)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.ImageNotFound, "No image that was removed from the repository with name '%s' and can be restored is known as %s%s", r.Name, id.Tag, id.Digest)
	}
	return found, err
}

// bringBack restores one removed image, before it those of its children that are removed, and after it what went with it. It answers how many images came back. What a
// child needs comes before the child, and so on: the work is a stack and no recursion, for indexes can be nested as deep as somebody cares to push them (H44).
func (r *Repo) bringBack(tx *sql.Tx, first int64, rules tagRules, out *Brought) (came int, err error) {
	type step struct {
		id       int64
		expanded bool
	}
	done, removals := map[int64]bool{}, map[int64]*removal{}
	for stack := []step{{id: first}}; len(stack) > 0; {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if done[s.id] {
			continue
		}
		if !s.expanded {
			children, err := r.removedChildren(tx, s.id)
			if err != nil {
				return 0, err
			}
			stack = append(stack, step{s.id, true})
			for _, child := range children {
				stack = append(stack, step{id: child})
			}
			continue
		}
		done[s.id] = true
		with, err := wentWith(tx, s.id, removals)
		if err != nil {
			return 0, err
		}
		isNew, err := r.bringBackOne(tx, s.id, rules, out)
		if err != nil {
			return 0, err
		}
		if isNew {
			came++
		}
		for _, id := range slices.Backward(with) {
			stack = append(stack, step{id: id})
		}
		if _, err := tx.Exec(`DELETE FROM removed_image WHERE id = $1`, s.id); err != nil {
			return 0, err
		}
		if s.id == first { // told first, whatever had to be there before it
			last := len(out.Images) - 1
			out.Images[0], out.Images[last] = out.Images[last], out.Images[0]
		}
	}
	return came, nil
}

// removal is what one removal removed, but for the image with which all of it went.
type removal struct {
	all     []int64
	subject map[oci.Digest][]int64 // what refers to it
}

// wentWith are the removed images that come back after one: all that went with it, or what refers to it if it went with another image itself. read remembers removals,
// so that each is read once.
func wentWith(tx *sql.Tx, id int64, read map[int64]*removal) ([]int64, error) {
	var first int64
	var d oci.Digest
	if err := tx.Row(`SELECT removal, digest FROM removed_image WHERE id = $1`, sql.Args(id), &first, &d); err != nil {
		return nil, err
	}
	m := read[first]
	if m == nil {
		m = &removal{subject: map[oci.Digest][]int64{}}
		err := tx.Rows(`SELECT id, manifest FROM removed_image WHERE removal = $1 AND id <> $1 ORDER BY id`, sql.Args(first), func(row sql.Scanner) error {
			var with int64
			var text []byte
			if err := row.Scan(&with, &text); err != nil {
				return err
			}
			var was removedRow
			err := json.Unmarshal(text, &was)
			m.all = append(m.all, with)
			m.subject[was.Subject] = append(m.subject[was.Subject], with)
			return err
		})
		if err != nil {
			return nil, err
		}
		read[first] = m
	}
	if id == first {
		return m.all, nil
	}
	return m.subject[d], nil
}

// removedChildren are the last removals of the images that a removed index needs and that are not there.
func (r *Repo) removedChildren(tx *sql.Tx, id int64) (list []int64, err error) {
	err = tx.Rows(`SELECT max(i.id) FROM removed_ref f JOIN removed_image i ON i.repository_id = f.repository_id AND i.digest = f.child
		WHERE f.removed_id = $1 AND f.kind = 'manifest' AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = f.repository_id AND m.digest = f.child)
		GROUP BY f.child`, sql.Args(id), func(row sql.Scanner) error {
		var child int64
		err := row.Scan(&child)
		list = append(list, child)
		return err
	})
	return list, err
}

// bringBackOne restores one image with its tags.
func (r *Repo) bringBackOne(tx *sql.Tx, id int64, rules tagRules, out *Brought) (isNew bool, err error) {
	var d oci.Digest
	var text, body []byte
	if err := tx.Row(`SELECT digest, manifest, body FROM removed_image WHERE id = $1`, sql.Args(id), &d, &text, &body); err != nil {
		return false, err
	}
	var was removedRow
	if err := json.Unmarshal(text, &was); err != nil {
		return false, fmt.Errorf("removed image %d: %w", id, err)
	}
	m, err := oci.ParseManifest(body, was.MediaType)
	if err != nil {
		return false, fmt.Errorf("removed image %d: %w", id, err)
	}
	if isNew, err = r.storeAgain(tx, m, d, body, &was); err != nil {
		return false, err
	}
	if err := r.request(tx, d, was.Signing); err != nil {
		return false, err
	}
	tags, err := removedTags(tx, id)
	if err != nil {
		return false, err
	}
	image := RestoredImage{Digest: d}
	for _, t := range tags {
		reason, err := r.pointAgain(tx, rules, t, d)
		if err != nil {
			return false, err
		}
		if reason != "" {
			out.Elsewhere = append(out.Elsewhere, TagElsewhere{t.name, reason})
			continue
		}
		image.Tags = append(image.Tags, t.name)
		if err := r.tellPush(tx, m, d, t.name); err != nil {
			return false, err
		}
	}
	if isNew && len(image.Tags) == 0 {
		err = r.tellPush(tx, m, d, "")
	}
	out.Images = append(out.Images, image)
	return isNew, err
}

// storeAgain makes the row of an image that was removed as it was, unless the image is there: somebody pushed it again.
func (r *Repo) storeAgain(tx *sql.Tx, m *oci.Manifest, d oci.Digest, body []byte, was *removedRow) (isNew bool, err error) {
	if err := r.checkLayers(tx, m); err != nil {
		return false, err
	}
	if _, err := r.checkChildren(tx, m); err != nil {
		return false, err
	}
	n, err := tx.Exec(`INSERT INTO manifest (repository_id, digest, media_type, artifact_media_type, artifact_type, annotations, subject, image_size, body, body_size, pushed_at, last_pull,
		status, archived_at, activated_at, last_puller) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (repository_id, digest) DO NOTHING`,
		r.ID, d, was.MediaType, was.ArtifactMediaType, was.ArtifactType, string(was.Annotations), was.Subject, was.ImageSize, body, len(body), was.PushedAt, was.LastPull,
		string(was.Status), was.ArchivedAt, was.ActivatedAt, was.LastPuller)
	if err != nil || n == 0 {
		return false, err
	}
	if err := r.refer(tx, m, d); err != nil {
		return false, err
	}
	if was.Status == Active {
		if err := r.activateChildren(tx, m.Children); err != nil {
			return false, err
		}
	}
	return true, r.layersReused(tx, d, false)
}

// pointAgain gives a tag back to a restored image, with its time. reason says why it does not: no tag is moved, and none is made that a push could not make.
func (r *Repo) pointAgain(tx *sql.Tx, rules tagRules, t removedTag, d oci.Digest) (reason string, err error) {
	var is oci.Digest
	err = tx.Row(`SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, t.name), &is)
	switch {
	case err == nil && is == d:
		return "", nil
	case err == nil:
		return "it names the image " + string(is) + " now", nil
	case !errors.Is(err, sql.ErrNoRows):
		return "", err
	}
	if err := rules.allow(t.name); err != nil {
		return "tags have to match the pattern " + rules.pattern, nil
	}
	var tags int64
	if err := tx.Row(`SELECT count(*) FROM tag WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, d), &tags); err != nil {
		return "", err
	}
	if tags >= r.g.limits.ImageTags {
		return fmt.Sprintf("the image has %d tags, which is the limit", tags), nil
	}
	if _, err := tx.Exec(`INSERT INTO tag (repository_id, name, digest, updated_at) VALUES ($1, $2, $3, $4)`, r.ID, t.name, d, t.updatedAt); err != nil {
		return "", err
	}
	if err := r.tagsChanged(tx, d); err != nil {
		return "", err
	}
	return "", r.g.contents.moved(tx, r.ID, t.name)
}

// forgetAtOnce is how many removed images one transaction forgets: few enough not to hold up pushes.
const forgetAtOnce = 100

// ForgetRemoved forgets the removed images whose time is over, which then cannot be brought back. It answers how many.
func (g *Registry) ForgetRemoved(ctx context.Context) (forgotten int64, err error) {
	before := sql.Micros(g.now().Add(-g.keep))
	for {
		var n int64
		err := g.db.Write(ctx, func(tx *sql.Tx) (err error) {
			const some = `(SELECT id FROM removed_image WHERE removed_at <= $1 ORDER BY removed_at, id LIMIT $2)`
			if _, err := tx.Exec(`UPDATE layer SET lease_until = $3 WHERE lease_until = 0
				AND (repository_id, digest) IN (SELECT repository_id, child FROM removed_ref WHERE removed_id IN `+some+` AND kind IN ('config', 'layer'))`, before, forgetAtOnce, g.leaseUntil()); err != nil {
				return err
			}
			n, err = tx.Exec(`DELETE FROM removed_image WHERE id IN `+some, before, forgetAtOnce)
			return err
		})
		if err != nil || n == 0 {
			return forgotten, err
		}
		forgotten += n
	}
}
