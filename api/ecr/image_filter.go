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

// matchesNothing reports whether the filter asks for images that are archived or on their way back: every image is active.
func (f imageFilter) matchesNothing() bool {
	return f.status == types.ImageStatusFilterArchived || f.status == types.ImageStatusFilterActivating
}

func (f imageFilter) registry() registry.ImageFilter {
	switch f.tags {
	case types.TagStatusTagged:
		return registry.ImageFilter{Tagged: aws.Bool(true)}
	case types.TagStatusUntagged:
		return registry.ImageFilter{Tagged: aws.Bool(false)}
	}
	return registry.ImageFilter{}
}

// matches reports whether the filter chooses image, for images that were asked for by id.
func (f imageFilter) matches(image *registry.Image) bool {
	if f.matchesNothing() {
		return false
	}
	tagged := f.registry().Tagged
	return tagged == nil || *tagged == (len(image.Tags) > 0)
}
