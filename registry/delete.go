package registry

import (
	"context"
	"errors"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// ImageID is an image under one of its tags; Tag is empty for an image that has none.
type ImageID struct {
	Digest oci.Digest
	Tag    string
}

// Failure is an image that a batch could not act upon, in the words of API-56.
type Failure struct {
	ID     Reference
	Code   string
	Reason string
}

// The failures of images that registry itself finds (API-56).
const (
	FailImageNotFound  = "ImageNotFound"
	FailTagNotOfDigest = "ImageTagDoesNotMatchDigest"
	FailReferenced     = "ImageReferencedByManifestList"
	FailMissingBoth    = "MissingDigestAndTag"
)

// NotFound is the failure of an image that is not there.
func NotFound(id Reference) Failure {
	return Failure{id, FailImageNotFound, "Requested image not found"}
}

// DeleteImages removes images, all in one transaction, in the order given (API-72, API-73). An id with a tag removes that tag, and the image with its
// last tag unless an index still needs it; an id with only a digest removes the image with all its tags. The child of a stored index stays, as a
// failure, and so does what a lock keeps. What refers to a removed image (signatures, SBOMs) goes with it. See Restore for how it comes back.
//
// Where the permission depends on the image (OpenImages), each tag that would go must be allowed, and each image without one; else nothing is removed and
// the fault is AccessDenied.
func (r *Repo) DeleteImages(ctx context.Context, ids []Reference) (removed []ImageID, failures []Failure, err error) {
	if len(ids) == 1 {
		r.call.Audit.Tag, r.call.Audit.Digest = ids[0].Tag, string(ids[0].Digest)
	}
	var asked *removals
	if r.images != nil {
		asked = &removals{may: map[ImageID]bool{}}
	}
	for {
		err = r.write(ctx, func(tx *sql.Tx) (err error) {
			removed, failures, err = r.deleteAll(tx, ids, asked)
			return err
		})
		if !errors.Is(err, errUndecided) {
			return removed, failures, err
		}
		if err := r.decide(ctx, asked); err != nil {
			return nil, nil, err
		}
	}
}

func (r *Repo) deleteAll(tx *sql.Tx, ids []Reference, asked *removals) (removed []ImageID, failures []Failure, err error) {
	if asked != nil {
		asked.open = nil
	}
	one := *r
	one.lost = map[oci.Digest][]removedTag{}
	for _, id := range ids {
		gone, failure, err := one.delete(tx, id, asked)
		if err != nil {
			return nil, nil, err
		}
		removed = append(removed, gone...)
		if failure != nil {
			failures = append(failures, *failure)
		}
	}
	if asked != nil && len(asked.open) > 0 {
		return nil, nil, errUndecided
	}
	return removed, failures, nil
}

// errUndecided undoes a removal for which it has not been asked whether the caller may.
var errUndecided = errors.New("the removal is not decided")

func (r *Repo) delete(tx *sql.Tx, id Reference, asked *removals) ([]ImageID, *Failure, error) {
	if id.Tag == "" && id.Digest == "" {
		asked.ask("", "")
		return nil, &Failure{id, FailMissingBoth, "Invalid request parameters: both tag and digest cannot be null"}, nil
	}
	if id.Tag != "" {
		return r.deleteTag(tx, id, asked)
	}
	tags, err := r.tagsOf(tx, id.Digest)
	if err != nil {
		return nil, nil, err
	}
	for _, tag := range tags {
		asked.ask(id.Digest, tag)
	}
	if len(tags) == 0 {
		asked.ask(id.Digest, "")
	}
	var one int
	if err := tx.Row(`SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2`, sql.Args(r.ID, id.Digest), &one); errors.Is(err, sql.ErrNoRows) {
		f := NotFound(id)
		return nil, &f, nil
	} else if err != nil {
		return nil, nil, err
	}
	needed, err := r.isChild(tx, id.Digest)
	if err != nil {
		return nil, nil, err
	}
	if needed {
		return nil, &Failure{id, FailReferenced, "Requested image referenced by manifest list"}, nil
	}
	if lock, err := r.lockOf(tx, id.Digest); err != nil || lock != nil {
		return nil, locked(id, lock), err
	}
	gone := []ImageID{{Digest: id.Digest}}
	if len(tags) > 0 {
		gone = gone[:0]
		for _, tag := range tags {
			gone = append(gone, ImageID{id.Digest, tag})
		}
	}
	return gone, nil, r.deleteImage(tx, id.Digest, asked)
}

func (r *Repo) deleteTag(tx *sql.Tx, id Reference, asked *removals) ([]ImageID, *Failure, error) {
	var digest oci.Digest
	err := tx.Row(`SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, id.Tag), &digest)
	if errors.Is(err, sql.ErrNoRows) {
		asked.ask(id.Digest, id.Tag)
		f := NotFound(id)
		return nil, &f, nil
	}
	if err != nil {
		return nil, nil, err
	}
	asked.ask(digest, id.Tag)
	if id.Digest != "" && id.Digest != digest {
		return nil, &Failure{id, FailTagNotOfDigest, "Requested image tag does not match the image digest"}, nil
	}
	if lock, err := r.lockOn(tx, id.Tag); err != nil || lock != nil {
		return nil, locked(id, lock), err
	}
	gone := []ImageID{{digest, id.Tag}}
	tags, err := r.tagsOf(tx, digest)
	if err != nil {
		return nil, nil, err
	}
	if len(tags) == 1 {
		needed, err := r.isChild(tx, digest)
		if err != nil {
			return nil, nil, err
		}
		if !needed {
			if lock, err := r.lockOf(tx, digest); err != nil || lock != nil {
				return nil, locked(id, lock), err
			}
			return gone, nil, r.deleteImage(tx, digest, asked)
		}
	}
	lost := removedTag{name: id.Tag}
	if err := tx.Row(`DELETE FROM tag WHERE repository_id = $1 AND name = $2 RETURNING updated_at`, sql.Args(r.ID, id.Tag), &lost.updatedAt); err != nil {
		return nil, nil, err
	}
	if err := errors.Join(r.tagsChanged(tx, digest), r.disturb(tx)); err != nil {
		return nil, nil, err
	}
	r.lost[digest] = append(r.lost[digest], lost)
	if err := r.g.contents.moved(tx, r.ID, id.Tag); err != nil {
		return nil, nil, err
	}
	return gone, nil, r.tellDelete(tx, digest, id.Tag)
}

func (r *Repo) isChild(tx *sql.Tx, d oci.Digest) (bool, error) {
	var one int
	err := tx.Row(`SELECT 1 FROM manifest_ref WHERE repository_id = $1 AND child = $2 AND kind = 'manifest' LIMIT 1`, sql.Args(r.ID, d), &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (r *Repo) tagsOf(tx *sql.Tx, d oci.Digest) (tags []string, err error) {
	err = tx.Rows(`SELECT name FROM tag WHERE repository_id = $1 AND digest = $2 ORDER BY name`, sql.Args(r.ID, d), func(row sql.Scanner) error {
		var tag string
		err := row.Scan(&tag)
		tags = append(tags, tag)
		return err
	})
	return tags, err
}

// deleteImage removes the image, its tags, and what refers to it as its subject, and what refers to that; referrers that an index needs stay, and those that a lock
// keeps. Whether a lock keeps the image itself has been looked at: see lockOf. What goes is kept for a while, to be brought back. The work is
// a queue and not a recursion: chains of referrers are as long as somebody cares to push them (H44). The tags of the image itself have been asked for. Each
// image that goes is told of (EVT-4, EVT-10).
func (r *Repo) deleteImage(tx *sql.Tx, d oci.Digest, asked *removals) error {
	_, err := r.deleteWith(tx, d, 0, asked)
	return err
}

// deleteWith is deleteImage for an image that goes with another one, whose removal is given, and comes back with it; 0 is none. It answers the removal.
func (r *Repo) deleteWith(tx *sql.Tx, d oci.Digest, removal int64, asked *removals) (int64, error) {
	if err := r.disturb(tx); err != nil {
		return 0, err
	}
	image := d
	for queue := []oci.Digest{d}; len(queue) > 0; {
		d, queue = queue[0], queue[1:]
		tags, err := r.tagsOf(tx, d)
		if err != nil {
			return 0, err
		}
		for _, tag := range tags {
			if d != image {
				asked.ask(d, tag) // a referrer that has a name of its own
			}
			if err := r.g.contents.moved(tx, r.ID, tag); err != nil {
				return 0, err
			}
		}
		if err := r.tellDelete(tx, d, tags...); err != nil {
			return 0, err
		}
		if err := errors.Join(r.layersReused(tx, d, true), r.letGo(tx, d)); err != nil {
			return 0, err
		}
		if removal, err = r.keepRemoved(tx, d, removal); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`DELETE FROM manifest WHERE repository_id = $1 AND digest = $2`, r.ID, d); err != nil {
			return 0, err
		}
		if err := r.g.contents.removed(tx, r.ID, d); err != nil {
			return 0, err
		}
		referrers, err := r.referrersOf(tx, d)
		if err != nil {
			return 0, err
		}
		for _, referrer := range referrers {
			needed, err := r.isChild(tx, referrer)
			if err != nil {
				return 0, err
			}
			lock, err := r.lockOf(tx, referrer)
			if err != nil {
				return 0, err
			}
			if !needed && lock == nil {
				queue = append(queue, referrer)
			}
		}
	}
	return removal, nil
}
