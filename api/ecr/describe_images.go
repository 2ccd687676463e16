package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/registry"
)

// DescribeImages shows the images that are named, each of which must exist, or all of a repository, the newest first, page by page (API-51, API-11). Its
// faults are RepositoryNotFound, ImageNotFound and InvalidParameter.
func (a *API) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	var f imageFilter
	if in.Filter != nil {
		f = imageFilter{in.Filter.TagStatus, in.Filter.ImageStatus}
	}
	if in.ImageIds != nil {
		if err := notPaged(in.NextToken, in.MaxResults, "imageIds"); err != nil {
			return nil, err
		}
		return a.describeImagesByID(ctx, in, f)
	}
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "DescribeImages", f.binding(ctx, in.RegistryId, in.RepositoryName)...)
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:DescribeImages")
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	images, next, err := r.Images(ctx, f.registry(), p.After, p.limit)
	if err != nil {
		return nil, err
	}
	for i := range images {
		out.ImageDetails = append(out.ImageDetails, showImageDetail(r, &images[i]))
	}
	out.NextToken = p.Next(next)
	return out, nil
}

// describeImagesByID shows the images that in names, as far as the filter chooses them.
func (a *API) describeImagesByID(ctx context.Context, in *ecr.DescribeImagesInput, f imageFilter) (*ecr.DescribeImagesOutput, error) {
	refs := make([]registry.Reference, len(in.ImageIds))
	for i, id := range in.ImageIds {
		ref, err := mustImageID(id)
		if err != nil {
			return nil, err
		}
		refs[i] = ref
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:DescribeImages")
	if err != nil {
		return nil, err
	}
	images, err := r.ImagesByID(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	for i := range images {
		if f.matches(&images[i]) {
			out.ImageDetails = append(out.ImageDetails, showImageDetail(r, &images[i]))
		}
	}
	return out, nil
}

// showImageDetail is an image as DescribeImages shows it: what it does not have is left out (API-51..API-54).
func showImageDetail(r *registry.Repo, image *registry.Image) types.ImageDetail {
	d := types.ImageDetail{
		RegistryId:             aws.String(r.Account),
		RepositoryName:         aws.String(r.Name),
		ImageDigest:            aws.String(string(image.Digest)),
		ImageSizeInBytes:       aws.Int64(image.Size),
		ImagePushedAt:          aws.Time(image.PushedAt),
		ImageManifestMediaType: aws.String(image.MediaType),
		ImageStatus:            types.ImageStatus(image.Status),
	}
	if len(image.Tags) > 0 {
		d.ImageTags = image.Tags
	}
	if image.ArtifactMediaType != "" {
		d.ArtifactMediaType = aws.String(image.ArtifactMediaType)
	}
	if image.Subject != "" {
		d.SubjectManifestDigest = aws.String(string(image.Subject))
	}
	if !image.LastPull.IsZero() {
		d.LastRecordedPullTime = aws.Time(image.LastPull)
	}
	if !image.ArchivedAt.IsZero() {
		d.LastArchivedAt = aws.Time(image.ArchivedAt)
	}
	if !image.ActivatedAt.IsZero() {
		d.LastActivatedAt = aws.Time(image.ActivatedAt)
	}
	return d
}
