package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/registry"
)

// RestoreImageInput names a removed image by a tag that it had or by its digest, in a repository of the caller's account unless RegistryId says another.
type RestoreImageInput struct {
	RegistryId            *string //nolint:revive,staticcheck // see Account
	RepositoryName, Image *string
}

// RestoreImageOutput tells what came back, the image that was asked for first, which tags did not, and what becomes of the image.
type RestoreImageOutput struct {
	Images    []RestoredImage
	Elsewhere []TagElsewhere
	Notes     []string
}

// RestoredImage is an image that came back, with the tags that it has again.
type RestoredImage struct {
	Digest *string
	Tags   []string
}

// TagElsewhere is a tag that did not come back, and why.
type TagElsewhere struct{ Tag, Reason *string }

// RestoreImage brings back an image that was deleted, as it was: see registry.Repo.Restore. It needs berth:RestoreImage on the repository. The faults are
// RepositoryNotFound, ImageNotFound, TagInvalid, DigestInvalid, LayersNotFound, ReferencedImagesNotFound and LimitExceeded.
func (a *API) RestoreImage(ctx context.Context, in *RestoreImageInput) (*RestoreImageOutput, error) {
	r, err := a.openRepository(ctx, in.RegistryId, in.RepositoryName, "berth:RestoreImage")
	if err != nil {
		return nil, err
	}
	image, err := registry.ParseReference(*in.Image)
	if err != nil {
		return nil, err
	}
	brought, err := r.Restore(ctx, image)
	if err != nil {
		return nil, err
	}
	out := &RestoreImageOutput{Notes: brought.Notes}
	for _, i := range brought.Images {
		out.Images = append(out.Images, RestoredImage{aws.String(string(i.Digest)), i.Tags})
	}
	for _, t := range brought.Elsewhere {
		out.Elsewhere = append(out.Elsewhere, TagElsewhere{aws.String(t.Tag), aws.String(t.Reason)})
	}
	return out, nil
}
