package ecr

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/registry"
)

// readSigning reads a signing configuration.
func readSigning(in *types.SigningConfiguration) []registry.SigningRule {
	rules := make([]registry.SigningRule, len(in.Rules))
	for i, r := range in.Rules {
		rules[i].Profile = aws.ToString(r.SigningProfileArn)
		for _, f := range r.RepositoryFilters {
			rules[i].Repositories = append(rules[i].Repositories, aws.ToString(f.Filter))
		}
	}
	return rules
}

// showSigning is a signing configuration as it was put.
func showSigning(rules []registry.SigningRule) *types.SigningConfiguration {
	out := &types.SigningConfiguration{Rules: make([]types.SigningRule, len(rules))}
	for i, r := range rules {
		out.Rules[i].SigningProfileArn = aws.String(r.Profile)
		for _, f := range r.Repositories {
			out.Rules[i].RepositoryFilters = append(out.Rules[i].RepositoryFilters, types.SigningRepositoryFilter{Filter: aws.String(f), FilterType: types.SigningRepositoryFilterTypeWildcardMatch})
		}
	}
	return out
}
