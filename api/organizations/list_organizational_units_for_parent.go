package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListOrganizationalUnitsForParent lists the units directly under a root or unit (ORG-16).
func (a *API) ListOrganizationalUnitsForParent(ctx context.Context, in *organizations.ListOrganizationalUnitsForParentInput) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListOrganizationalUnitsForParent", aws.ToString(in.ParentId))
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.Units(ctx, aws.ToString(in.ParentId), p.Page)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: []types.OrganizationalUnit{}, NextToken: p.list.Next(next)}
	for i := range list {
		out.OrganizationalUnits = append(out.OrganizationalUnits, *showUnit(&list[i]))
	}
	return out, nil
}
