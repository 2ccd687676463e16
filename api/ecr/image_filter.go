package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/registry"
)

// imageFilter chooses images by whether they have a tag, and by where they are kept (API-50).
type imageFilter struct {
	tags   types.TagStatus         // "" is ANY
	status types.ImageStatusFilter // "" is ACTIVE
}

// binding is what a page of a filtered list of a repository's images is bound to (H55).
func (f imageFilter) binding(ctx context.Context, registryID, name *string) []string {
	return []string{account(ctx, registryID), aws.ToString(name), string(f.tags), string(f.status)}
}

func (f imageFilter) registry() registry.ImageFilter {
	var out registry.ImageFilter
	switch f.tags {
	case types.TagStatusTagged:
		out.Tagged = aws.Bool(true)
	case types.TagStatusUntagged:
		out.Tagged = aws.Bool(false)
	}
	switch f.status {
	case types.ImageStatusFilterAny:
	case "":
		out.Status = registry.Active
	default:
		out.Status = registry.ImageStatus(f.status)
	}
	return out
}

// matches reports whether the filter chooses image, for images that were asked for by id.
func (f imageFilter) matches(image *registry.Image) bool {
	want := f.registry()
	return (want.Status == "" || want.Status == image.Status) && (want.Tagged == nil || *want.Tagged == (len(image.Tags) > 0))
}
