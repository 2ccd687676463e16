package ecr

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/registry"
)

// showTemplate is a creation template as its operations show it (REP-20); what was not given is left out.
func showTemplate(t *registry.Template) *types.RepositoryCreationTemplate {
	mode, filters := showMutability(t.Mutability)
	out := &types.RepositoryCreationTemplate{
		Prefix:                             aws.String(t.Prefix),
		Description:                        given(t.Description),
		EncryptionConfiguration:            &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: types.EncryptionType(t.Encryption.Type), KmsKey: given(t.Encryption.KMSKey)},
		ImageTagMutability:                 mode,
		ImageTagMutabilityExclusionFilters: filters,
		RepositoryPolicy:                   given(t.Policy),
		LifecyclePolicy:                    given(t.Lifecycle),
		CustomRoleArn:                      given(t.Role),
		CreatedAt:                          aws.Time(t.CreatedAt),
		UpdatedAt:                          aws.Time(t.UpdatedAt),
	}
	for _, s := range t.AppliedFor {
		out.AppliedFor = append(out.AppliedFor, types.RCTAppliedFor(s))
	}
	for _, tag := range t.Tags {
		out.ResourceTags = append(out.ResourceTags, types.Tag{Key: aws.String(tag.Key), Value: aws.String(tag.Value)})
	}
	return out
}

// given is a text that may not have been given.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// templateParts are the members that Create and Update have in common; what is nil, or "" of a word, was not given.
type templateParts struct {
	description, policy, lifecycle, role *string
	appliedFor                           []types.RCTAppliedFor
	encryption                           *types.EncryptionConfigurationForRepositoryCreationTemplate
	mutability                           types.ImageTagMutability
	filters                              []types.ImageTagMutabilityExclusionFilter
	tags                                 []types.Tag
}

// apply sets what was given, and nothing else (REP-26): a text of no length takes away what was there.
func (p *templateParts) apply(t *registry.Template) {
	for _, text := range []struct {
		to   *string
		from *string
	}{{&t.Description, p.description}, {&t.Policy, p.policy}, {&t.Lifecycle, p.lifecycle}, {&t.Role, p.role}} {
		if text.from != nil {
			*text.to = *text.from
		}
	}
	if p.appliedFor != nil {
		t.AppliedFor = nil
		for _, s := range p.appliedFor {
			t.AppliedFor = append(t.AppliedFor, string(s))
		}
	}
	if e := p.encryption; e != nil {
		t.Encryption.Type = string(e.EncryptionType)
		if e.KmsKey != nil {
			t.Encryption.KMSKey = *e.KmsKey
		}
	}
	if p.mutability != "" || p.filters != nil {
		m := readMutability(p.mutability, p.filters)
		if p.mutability != "" {
			t.Mutability.Mode = m.Mode
		}
		t.Mutability.Exclusions = m.Exclusions // they belong to the mode, as in PutImageTagMutability
	}
	if p.tags != nil {
		t.Tags = readTags(p.tags)
	}
}
