package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// ListPoliciesForTarget lists the policies of one type that hang on a root, unit or account itself (ORG-18).
func (a *API) ListPoliciesForTarget(ctx context.Context, in *organizations.ListPoliciesForTargetInput) (*organizations.ListPoliciesForTargetOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListPoliciesForTarget", string(in.Filter), aws.ToString(in.TargetId))
	if err != nil {
		return nil, err
	}
	policies, cursor, err := a.Organizations.PoliciesForTarget(ctx, aws.ToString(in.TargetId), org.PolicyType(in.Filter), p.Page)
	if err != nil {
		return nil, err
	}
	return &organizations.ListPoliciesForTargetOutput{Policies: showPolicies(policies), NextToken: p.list.Next(cursor)}, nil
}
