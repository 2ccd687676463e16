package registry

import (
	"context"
	"errors"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// namesMost bounds the names that are tried for an image, the indexes that are searched for them, and the images that an index leads to when it is asked who
// may name them. Names beyond it grant nothing.
const namesMost = 1000

// names are the tags of an image; of one without tags those of the indexes that hold it, of which the same is true. The one name of an image that nothing
// leads to is "".
func (r *Repo) names(ctx context.Context, d oci.Digest) (names []string, err error) {
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		left := namesMost
		names, _, err = r.namesOf(tx, d, &left)
		return err
	})
	if len(names) == 0 {
		names = []string{""}
	}
	return names, err
}

// namesOf are the names of an image that tags lead to. left is how many images may still be looked at; all is false if there may be names beyond the bounds.
//
// An image with tags is not known by those of an index: they are what it is known by, and a policy about them must hold whatever else lists it.
func (r *Repo) namesOf(tx *sql.Tx, d oci.Digest, left *int) (names []string, all bool, err error) {
	seen, queue := map[oci.Digest]bool{d: true}, []oci.Digest{d}
	for ; len(queue) > 0 && len(names) < namesMost && *left > 0; *left-- {
		at := queue[0]
		queue = queue[1:]
		tags, err := r.tagsOf(tx, at)
		if err != nil {
			return nil, false, err
		}
		names = append(names, tags...)
		if len(tags) > 0 {
			continue
		}
		err = tx.Rows(`SELECT parent FROM manifest_ref WHERE repository_id = $1 AND child = $2 AND kind = 'manifest' ORDER BY parent LIMIT $3`,
			sql.Args(r.ID, at, namesMost), func(row sql.Scanner) error {
				var parent oci.Digest
				err := row.Scan(&parent)
				if err == nil && !seen[parent] && len(seen) < namesMost {
					seen[parent] = true
					queue = append(queue, parent)
				}
				return err
			})
		if err != nil {
			return nil, false, err
		}
	}
	return names, len(queue) == 0 && len(seen) < namesMost, nil
}

// naming says whether a repository is open to push images, and whether a policy about that asked for the image.
type naming int

const (
	decidedNaming naming = iota + 1 // no policy asked for ecr:ImageTag or ecr:ImageDigest
	askedNaming                     // one did
)

// mayName decides whether the caller may give the tag to an index, and by it to the images that the index leads to: those of them that a tag leads to already
// he must be allowed to pull. Else whoever may push some tag could list any image under it, have it by the new name, and open it to all who are refused its
// others. The index counts itself, for who knows the digests that one lists can put it together; so do images with tags, which may lose them later.
//
// It is asked only where a policy on the caller's pushes or pulls asks for the image. It is decided before the transaction, which holds everybody else up: an
// image that gets its first name meanwhile is in the same case as one that gets it right after.
func (r *Repo) mayName(ctx context.Context, m *oci.Manifest, digest oci.Digest, tag string) error {
	if r.naming == 0 || tag == "" || len(m.Children) == 0 {
		return nil
	}
	call := *r.call // of the push, the record is to say what was decided on it
	ctx = iam.With(ctx, &call)
	askedTag, askedDigest, err := r.g.who.AuthorizeImage(ctx, "ecr:BatchGetImage", &r.resource, iam.Image{})
	if err != nil && !fault.Is(err, fault.AccessDenied) {
		return err
	}
	if !askedTag && !askedDigest && (err == nil || r.naming == decidedNaming) {
		return nil
	}
	known, err := r.knownBelow(ctx, m, digest, tag)
	if err != nil {
		return err
	}
	pull := &imageRule{"ecr:BatchGetImage", &r.resource}
	for _, k := range known {
		if err := r.g.mayUse(ctx, pull, k.digest, k.names...); err != nil {
			r.call.Audit = call.Audit
			return err
		}
	}
	return nil
}

// knownImage is an image that tags lead to.
type knownImage struct {
	digest oci.Digest
	names  []string
}

// knownBelow are the names of the images that giving the tag to the index would name: the index itself and all that it leads to, as far as they have names.
// There are none if the tag is the index's already.
func (r *Repo) knownBelow(ctx context.Context, m *oci.Manifest, digest oci.Digest, tag string) (known []knownImage, err error) {
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		known = nil
		var is oci.Digest
		err := tx.Row(`SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, tag), &is)
		if is == digest || err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		seen, queue := map[oci.Digest]bool{digest: true}, []oci.Digest{digest}
		add := func(d oci.Digest) {
			if !seen[d] {
				seen[d] = true
				queue = append(queue, d)
			}
		}
		for _, c := range m.Children {
			add(c.Digest)
		}
		for left := 10 * namesMost; len(queue) > 0; queue = queue[1:] {
			names, all, err := r.namesOf(tx, queue[0], &left)
			if err != nil {
				return err
			}
			if len(seen) > namesMost || len(names) == 0 && !all { // one that only seems to have no name must not be given one
				return fault.New(fault.ManifestInvalid, "The index leads to too many images to decide whether you may pull them; at most %d can be, itself included", namesMost)
			}
			if len(names) > 0 {
				known = append(known, knownImage{queue[0], names})
			}
			err = tx.Rows(`SELECT child FROM manifest_ref WHERE repository_id = $1 AND parent = $2 AND kind = 'manifest' LIMIT $3`,
				sql.Args(r.ID, queue[0], namesMost+1), func(row sql.Scanner) error {
					var child oci.Digest
					err := row.Scan(&child)
					add(child)
					return err
				})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return known, err
}
