package registry

import (
	"context"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
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
	settled = settled || len(images) == 0
	if denied != nil && (settled || repo == nil) {
		return nil, denied
	}
	if repo == nil {
		return nil, err
	}
	r := &Repo{Repository: repo, g: g, call: iam.From(ctx)}
	if !settled {
		r.images = &imageRule{action, target}
	}
	if action == "ecr:PutImage" {
		r.naming = decidedNaming
		if askedTag || askedDigest {
			r.naming = askedNaming
		}
	}
	return r, nil
}

// mayUse decides for one image under one of its names. A refusal is noted as that of this image, of all that the request names.
func (r *Repo) mayUse(ctx context.Context, tag string, d oci.Digest) error {
	return r.g.mayUse(iam.With(ctx, r.call), r.images, d, tag)
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
	return r.g.mayUse(iam.With(ctx, r.call), r.images, d, names...)
}

// mayUse decides for an image under each of the names in turn: one that is allowed suffices.
func (g *Registry) mayUse(ctx context.Context, rule *imageRule, d oci.Digest, names ...string) (err error) {
	for _, name := range names {
		_, _, err = g.who.AuthorizeImage(ctx, rule.action, rule.target, iam.Image{Tag: name, Digest: string(d)})
		if err != nil {
			a := &iam.From(ctx).Audit
			a.Tag, a.Digest = name, string(d)
		}
		if err == nil || !fault.Is(err, fault.AccessDenied) {
			return err
		}
	}
	return err
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
