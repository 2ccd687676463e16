package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/registry"
)

// describe is a repository as CreateRepository, DescribeRepositories and DeleteRepository show it (API-34).
func (a *API) describe(ctx context.Context, r *registry.Repository) types.Repository {
	mode, filters := showMutability(r.Mutability)
	encryption := &types.EncryptionConfiguration{EncryptionType: types.EncryptionType(r.Encryption.Type)}
	if r.Encryption.KMSKey != "" {
		encryption.KmsKey = aws.String(r.Encryption.KMSKey)
	}
	return types.Repository{
		RepositoryArn:                      aws.String(r.ARN()),
		RegistryId:                         aws.String(r.Account),
		RepositoryName:                     aws.String(r.Name),
		RepositoryUri:                      aws.String(a.Names.URI(ctx, r.Account, r.Region, r.Name)),
		CreatedAt:                          aws.Time(r.CreatedAt),
		ImageTagMutability:                 mode,
		ImageTagMutabilityExclusionFilters: filters,
		ImageScanningConfiguration:         &types.ImageScanningConfiguration{ScanOnPush: r.ScanOnPush},
		EncryptionConfiguration:            encryption,
	}
}

// readMutability reads which tags may move. The registry checks that mode and filters go together (API-38).
func readMutability(mode types.ImageTagMutability, filters []types.ImageTagMutabilityExclusionFilter) registry.TagMutability {
	m := registry.TagMutability{Mode: string(mode)}
	if mode == "" {
		m.Mode = string(types.ImageTagMutabilityMutable)
	}
	for _, f := range filters {
		m.Exclusions = append(m.Exclusions, aws.ToString(f.Filter))
	}
	return m
}

func showMutability(m registry.TagMutability) (types.ImageTagMutability, []types.ImageTagMutabilityExclusionFilter) {
	var filters []types.ImageTagMutabilityExclusionFilter
	for _, f := range m.Exclusions {
		filters = append(filters, types.ImageTagMutabilityExclusionFilter{
			FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard, Filter: aws.String(f),
		})
	}
	return types.ImageTagMutability(m.Mode), filters
}

func readTags(tags []types.Tag) []registry.Tag {
	var list []registry.Tag
	for _, t := range tags {
		list = append(list, registry.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return list
}
