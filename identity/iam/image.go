package iam

import "context"

// Image is the image of a repository that a decision is about: ecr:ImageTag and ecr:ImageDigest, which AWS does not have. What is "" is absent.
type Image struct{ Tag, Digest string }

// imageKeys is an Image, and which of its keys were asked for in the decision.
type imageKeys struct {
	Image
	askedTag, askedDigest bool
}

// AuthorizeImage is Authorize for an action on an image of the repository r. It also says whether a policy that had a say asked for the image's tag or for
// its digest: a decision for which neither was asked is the same for every image, and the caller need not find out what an image's tag or digest is before
// somebody wants to know.
func (d *Directory) AuthorizeImage(ctx context.Context, action string, r *Resource, i Image) (askedTag, askedDigest bool, err error) {
	k := &From(ctx).image
	*k = imageKeys{Image: i}
	err = d.Authorize(ctx, action, r)
	askedTag, askedDigest = k.askedTag, k.askedDigest
	*k = imageKeys{} // the next decision of this call is about something else
	return askedTag, askedDigest, err
}
