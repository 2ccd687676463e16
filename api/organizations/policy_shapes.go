package organizations

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/berth-registry/berth/identity/org"
)

func showPolicy(p *org.Policy) *types.Policy {
	summary := showPolicySummary(p)
	return &types.Policy{PolicySummary: &summary, Content: aws.String(p.Content)}
}

func showPolicySummary(p *org.Policy) types.PolicySummary {
	return types.PolicySummary{
		Id: aws.String(p.ID), Arn: aws.String(p.ARN), Name: aws.String(p.Name), Description: aws.String(p.Description), Type: types.PolicyType(p.Type), AwsManaged: p.AWSManaged,
	}
}

func showPolicies(policies []org.Policy) []types.PolicySummary {
	out := []types.PolicySummary{}
	for i := range policies {
		out = append(out, showPolicySummary(&policies[i]))
	}
	return out
}

func showResourcePolicy(p *org.ResourcePolicy) *types.ResourcePolicy {
	return &types.ResourcePolicy{
		Content: aws.String(p.Content), ResourcePolicySummary: &types.ResourcePolicySummary{Id: aws.String(p.ID), Arn: aws.String(p.ARN)},
	}
}

func readTags(tags []types.Tag) []org.Tag {
	var out []org.Tag
	for _, t := range tags {
		out = append(out, org.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return out
}

func showTags(tags []org.Tag) []types.Tag {
	out := []types.Tag{}
	for _, t := range tags {
		out = append(out, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out
}

func showRoot(r *org.Root) *types.Root {
	out := &types.Root{Id: aws.String(r.ID), Arn: aws.String(r.ARN), Name: aws.String(r.Name), PolicyTypes: []types.PolicyTypeSummary{}}
	for _, t := range r.PolicyTypes {
		out.PolicyTypes = append(out.PolicyTypes, types.PolicyTypeSummary{Type: types.PolicyType(t), Status: types.PolicyTypeStatusEnabled})
	}
	return out
}
