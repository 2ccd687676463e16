package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// ListTagsForResource lists the tags of a root, unit, account or policy (ORG-23).
func (a *API) ListTagsForResource(ctx context.Context, in *organizations.ListTagsForResourceInput) (*organizations.ListTagsForResourceOutput, error) {
	p, err := a.page(ctx, in.NextToken, nil, "ListTagsForResource", aws.ToString(in.ResourceId))
	if err != nil {
		return nil, err
	}
	tags, cursor, err := a.Organizations.Tags(ctx, aws.ToString(in.ResourceId), p.Page)
	if err != nil {
		return nil, err
	}
	return &organizations.ListTagsForResourceOutput{Tags: showTags(tags), NextToken: p.list.Next(cursor)}, nil
}
