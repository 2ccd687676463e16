package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/berth-registry/berth/identity/org"
)

// ListPolicies lists the policies of one type, those of AWS among them (ORG-18).
func (a *API) ListPolicies(ctx context.Context, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListPolicies", string(in.Filter))
	if err != nil {
		return nil, err
	}
	policies, cursor, err := a.Organizations.Policies(ctx, org.PolicyType(in.Filter), p.Page)
	if err != nil {
		return nil, err
	}
	return &organizations.ListPoliciesOutput{Policies: showPolicies(policies), NextToken: p.list.Next(cursor)}, nil
}
