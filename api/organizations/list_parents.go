package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ListParents returns the one root or unit that an account or unit is directly under (ORG-16).
func (a *API) ListParents(ctx context.Context, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	if _, err := a.page(ctx, in.NextToken, in.MaxResults, "ListParents", aws.ToString(in.ChildId)); err != nil {
		return nil, err
	}
	x, err := a.Organizations.Parent(ctx, aws.ToString(in.ChildId))
	if err != nil {
		return nil, err
	}
	return &organizations.ListParentsOutput{Parents: []types.Parent{{Id: aws.String(x.ID), Type: types.ParentType(x.Kind)}}}, nil
}
