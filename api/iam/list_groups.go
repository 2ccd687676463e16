package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListGroups lists the groups of the account under a path (IAM-6, IAM-10).
func (a *API) ListGroups(ctx context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListGroups", aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Groups(ctx, aws.ToString(in.PathPrefix), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListGroupsOutput{Groups: []types.Group{}}
	for i := range found {
		out.Groups = append(out.Groups, *showGroup(&found[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
