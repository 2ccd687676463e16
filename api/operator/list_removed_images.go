package operator

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ListRemovedImagesInput names a repository, of the caller's account unless RegistryId says another.
type ListRemovedImagesInput struct {
	RegistryId                *string //nolint:revive,staticcheck // see Account
	RepositoryName, NextToken *string
	MaxResults                *int32
}

// ListRemovedImagesOutput is a page of removed images, the last removed first.
type ListRemovedImagesOutput struct {
	Images    []RemovedImage
	NextToken *string
}

// RemovedImage is an image that was deleted and can be brought back until Until, as the wire shows it; see registry.RemovedImage.
type RemovedImage struct {
	Digest                     *string
	Tags                       []string
	SizeInBytes                *int64
	PushedAt, RemovedAt, Until *time.Time
	RemovedBy, Reason          *string
}

// ListRemovedImages lists what was deleted from a repository and can be brought back. It needs berth:ListRemovedImages on the repository. The faults are
// RepositoryNotFound and InvalidParameter.
func (a *API) ListRemovedImages(ctx context.Context, in *ListRemovedImagesInput) (*ListRemovedImagesOutput, error) {
	repo, list, limit, err := a.openList(ctx, in.RegistryId, in.RepositoryName, "berth:ListRemovedImages", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	images, next, err := repo.RemovedImages(ctx, list.After, limit)
	if err != nil {
		return nil, err
	}
	out := &ListRemovedImagesOutput{Images: []RemovedImage{}, NextToken: list.Next(next)}
	for i := range images {
		image := &images[i]
		out.Images = append(out.Images, RemovedImage{
			Digest: aws.String(string(image.Digest)), Tags: image.Tags, SizeInBytes: &image.Size, PushedAt: &image.PushedAt, RemovedAt: &image.RemovedAt, Until: &image.Until,
			RemovedBy: &image.RemovedBy, Reason: &image.Reason,
		})
	}
	return out, nil
}
