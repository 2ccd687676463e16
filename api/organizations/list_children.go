package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListChildren lists the accounts or units directly under a root or unit (ORG-16).
func (a *API) ListChildren(ctx context.Context, in *organizations.ListChildrenInput) (*organizations.ListChildrenOutput, error) {
	p, err := a.page(ctx, in.NextToken, in.MaxResults, "ListChildren", aws.ToString(in.ParentId), string(in.ChildType))
	if err != nil {
		return nil, err
	}
	list, next, err := a.Organizations.Children(ctx, aws.ToString(in.ParentId), string(in.ChildType), p.Page)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListChildrenOutput{Children: []types.Child{}, NextToken: p.list.Next(next)}
	for i := range list {
		out.Children = append(out.Children, types.Child{Id: aws.String(list[i].ID), Type: types.ChildType(list[i].Kind)})
	}
	return out, nil
}
