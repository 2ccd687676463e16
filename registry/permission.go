package registry

import (
	"context"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// imageRule is a permission that depends on the image: a policy asks for ecr:ImageTag or ecr:ImageDigest. The methods that act on images decide by it.
// docs/decisions/image-condition-keys.md says what is decided and why.
type imageRule struct {
	action string
	target *iam.Resource
}

// OpenImages is Open for one of the actions on images: ecr:BatchGetImage, ecr:PutImage, ecr:BatchDeleteImage. images are those that the request names, as
// far as it names them; none if it names nothing that could be an image.
//
// One decision is made for all of them when no policy that has a say asks for ecr:ImageTag or ecr:ImageDigest: it costs no more than that of Open. Else
// Manifest, Referrers, PutImage and DeleteImages decide for each image, and answer AccessDenied. What can be refused by what is known of the image already
// is refused here, before a body is read.
func (g *Registry) OpenImages(ctx context.Context, ref Ref, action string, images ...Reference) (*Repo, error) {
	repo, target, err := g.target(ctx, ref)
	if target == nil {
		return nil, err
	}
	var known Reference
	if len(images) == 1 {
		known = images[0]
	}
	askedTag, askedDigest, denied := g.who.AuthorizeImage(ctx, action, target, iam.Image{Tag: known.Tag, Digest: string(known.Digest)})
	settled := !askedTag && !askedDigest
	switch {
	case settled || len(images) != 1:
	case action == "ecr:PutImage": // without a tag it has none
		settled = !askedDigest || known.Digest != ""
	case action != "ecr:BatchDeleteImage": // which may remove more than it names
		settled = (!askedTag || known.Tag != "") && (!askedDigest || known.Digest != "")
	}
	if repo == nil || settled || len(images) == 0 {
		if denied != nil {
			return nil, denied
		}
		if repo == nil {
			return nil, err
		}
		return &Repo{Repository: repo, g: g, call: iam.From(ctx)}, nil
	}
	return &Repo{Repository: repo, g: g, call: iam.From(ctx), images: &imageRule{action, target}}, nil
}

// mayUse decides for one image under one of its names. A refusal is noted as that of this image, of all that the request names.
func (r *Repo) mayUse(ctx context.Context, tag string, d oci.Digest) error {
	_, _, err := r.g.who.AuthorizeImage(iam.With(ctx, r.call), r.images.action, r.images.target, iam.Image{Tag: tag, Digest: string(d)})
	if err != nil {
		r.call.Audit.Tag, r.call.Audit.Digest = tag, string(d)
	}
	return err
}

// mayPull decides whether the caller may pull the image d, which was asked for by tag, or by digest if tag is "". By digest may be pulled what may be pulled
// by one of its names: neither does a digest lead to what every name of it is refused for, nor does it hinder those who may have the image by name and, like
// most clients, fetch it by the digest that they found. An image that is not there has no names.
func (r *Repo) mayPull(ctx context.Context, tag string, d oci.Digest) error {
	if r.images == nil {
		return nil
	}
	names := []string{tag}
	if tag == "" {
		var err error
		if names, err = r.names(ctx, d); err != nil {
			return err
		}
	}
	var err error
	for _, name := range names {
		if err = r.mayUse(ctx, name, d); err == nil || !fault.Is(err, fault.AccessDenied) {
			return err
		}
	}
	return err
}

// namesMost bounds the names that are tried for an image, and the indexes that are searched for them. Those beyond it grant nothing.
const namesMost = 1000

// names are the tags of an image; of one without tags those of the indexes that hold it, of which the same is true. The one name of an image that nothing
// leads to is "". An image with tags is not known by those of an index: who may push some tag must not get at other images by listing them in an index.
func (r *Repo) names(ctx context.Context, d oci.Digest) (names []string, err error) {
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		names = nil
		seen := map[oci.Digest]bool{d: true}
		for queue := []oci.Digest{d}; len(queue) > 0 && len(names) < namesMost; {
			at := queue[0]
			queue = queue[1:]
			tags, err := r.tagsOf(tx, at)
			if err != nil {
				return err
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
				return err
			}
		}
		return nil
	})
	if len(names) == 0 {
		names = []string{""}
	}
	return names, err
}

// removals are the decisions on what a request removes. They are made outside of the transaction that removes, which holds everybody else up, and the
// transaction sees whether what it is about to remove is what was decided upon: a tag that is set meanwhile is not removed unasked.
type removals struct {
	may  map[ImageID]bool // what the caller may remove
	open []ImageID        // what the transaction came upon that is not decided
}

// ask notes that the image is removed under the tag; "" is an image that has none.
func (a *removals) ask(d oci.Digest, tag string) {
	if id := (ImageID{d, tag}); a != nil && !a.may[id] {
		a.open = append(a.open, id)
	}
}

// decide decides what is open: all of it must be allowed.
func (r *Repo) decide(ctx context.Context, a *removals) error {
	for _, id := range a.open {
		if err := r.mayUse(ctx, id.Tag, id.Digest); err != nil {
			return err
		}
		a.may[id] = true
	}
	return nil
}
