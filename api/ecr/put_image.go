package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// PutImage stores an image's manifest, and points a tag at it when one is given (API-64..API-70). Unlike a push over HTTP, putting what is there already
// is an error: ImageAlreadyExists (API-67), or ImageTagAlreadyExists for a tag that may not move (API-68). Its other faults are InvalidParameter,
// TagInvalid, RepositoryNotFound, ManifestInvalid, ManifestTooLarge, MediaTypeUnsupported, ImageDigestDoesNotMatch, LayersNotFound,
// ReferencedImagesNotFound and LimitExceeded.
func (a *API) PutImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	put := registry.PutImage{
		Body: []byte(aws.ToString(in.ImageManifest)), MediaType: aws.ToString(in.ImageManifestMediaType), Tag: aws.ToString(in.ImageTag),
	}
	if in.ImageTag != nil && oci.CheckTag(put.Tag) != nil {
		return nil, invalidParameter("imageTag", "must satisfy regular expression '"+tagPattern+"'")
	}
	if in.ImageDigest != nil {
		if !hasDigestShape(*in.ImageDigest) {
			return nil, invalidParameter("imageDigest", "must satisfy regular expression '"+digestPattern+"'")
		}
		// A digest of an algorithm that is not computed here cannot be the manifest's, and the registry says so.
		put.Digest = oci.Digest(*in.ImageDigest)
	}
	r, err := a.Registry.OpenImageToPush(ctx, reference(ctx, in.RegistryId, in.RepositoryName), registry.Reference{Tag: put.Tag, Digest: put.Digest})
	if err != nil {
		return nil, err
	}
	stored, err := r.PutImage(ctx, put)
	if err != nil {
		return nil, err
	}
	if !stored.New && !stored.Moved && !stored.Restored {
		return nil, alreadyThere(r, stored.Digest, put.Tag)
	}
	image := showImage(r, &registry.Manifest{Digest: stored.Digest, MediaType: stored.MediaType}, put.Tag)
	image.ImageManifest = in.ImageManifest
	return &ecr.PutImageOutput{Image: &image}, nil
}

// alreadyThere is the refusal of an image that is stored, under its tag if it has one, as it was put.
func alreadyThere(r *registry.Repo, d oci.Digest, tag string) error {
	if tag != "" && r.Mutability.IsImmutable(tag) {
		return fault.New(fault.ImageTagAlreadyExists,
			"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, r.Name)
	}
	if tag == "" {
		tag = "null"
	}
	return fault.New(fault.ImageAlreadyExists,
		"Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'", d, tag, r.Name, r.Account)
}

// showImage is an image as PutImage and BatchGetImage show it; tag is the one it was asked for by, "" if none.
func showImage(r *registry.Repo, m *registry.Manifest, tag string) types.Image {
	return types.Image{
		RegistryId:             aws.String(r.Account),
		RepositoryName:         aws.String(r.Name),
		ImageId:                showImageID(m.Digest, tag),
		ImageManifest:          aws.String(string(m.Body)),
		ImageManifestMediaType: aws.String(m.MediaType),
	}
}
