package ecr

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/registry"
)

// GetLifecyclePolicyPreview shows what the last preview found, page by page or for the images that are named; the summary is always of all of it (LC-26). Its faults
// are RepositoryNotFound, PreviewNotFound and InvalidParameter.
func (a *API) GetLifecyclePolicyPreview(ctx context.Context, in *ecr.GetLifecyclePolicyPreviewInput) (*ecr.GetLifecyclePolicyPreviewOutput, error) {
	var f registry.PreviewFilter
	var tags types.TagStatus
	if in.Filter != nil {
		tags = in.Filter.TagStatus
		f.Tagged = imageFilter{tags: tags}.registry().Tagged
	}
	if in.ImageIds != nil {
		if err := notPaged(in.NextToken, in.MaxResults, "imageIds"); err != nil {
			return nil, err
		}
		f.Images = []registry.Reference{}
		for _, id := range in.ImageIds {
			ref, err := mustImageID(id)
			if err != nil {
				return nil, err
			}
			f.Images = append(f.Images, ref)
		}
	}
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "GetLifecyclePolicyPreview", account(ctx, in.RegistryId), aws.ToString(in.RepositoryName), string(tags))
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "ecr:GetLifecyclePolicyPreview")
	if err != nil {
		return nil, err
	}
	preview, next, err := r.LifecyclePreview(ctx, f, p.After, p.limit)
	if err != nil {
		return nil, err
	}
	out := &ecr.GetLifecyclePolicyPreviewOutput{
		RegistryId: aws.String(r.Account), RepositoryName: aws.String(r.Name), LifecyclePolicyText: aws.String(preview.Text),
		Status: types.LifecyclePolicyPreviewStatus(preview.Status), PreviewResults: []types.LifecyclePolicyPreviewResult{}, NextToken: p.Next(next),
	}
	if preview.Status == registry.PreviewComplete {
		out.Summary = &types.LifecyclePolicyPreviewSummary{ExpiringImageTotalCount: aws.Int32(int32(preview.Expiring))}
		if preview.Transitioning > 0 {
			out.Summary.TransitioningImageTotalCounts = []types.TransitioningImageTotalCount{
				{TargetStorageClass: types.LifecyclePolicyTargetStorageClassArchive, ImageTotalCount: aws.Int32(int32(preview.Transitioning))},
			}
		}
	}
	for i := range preview.Results {
		out.PreviewResults = append(out.PreviewResults, showPreviewed(&preview.Results[i]))
	}
	return out, nil
}

func showPreviewed(i *registry.PreviewedImage) types.LifecyclePolicyPreviewResult {
	r := types.LifecyclePolicyPreviewResult{
		ImageDigest: aws.String(string(i.Digest)), ImagePushedAt: aws.Time(i.PushedAt), AppliedRulePriority: aws.Int32(int32(i.Rule)),
		StorageClass: types.LifecyclePolicyStorageClass(strings.ToUpper(string(i.Class))), Action: &types.LifecyclePolicyRuleAction{Type: types.ImageActionTypeExpire},
	}
	if len(i.Tags) > 0 {
		r.ImageTags = i.Tags
	}
	if i.Action == lifecycle.Transition {
		r.Action.Type, r.Action.TargetStorageClass = types.ImageActionTypeTransition, types.LifecyclePolicyTargetStorageClassArchive
	}
	return r
}
