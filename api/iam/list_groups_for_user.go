package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListGroupsForUser lists the groups that a user is in (IAM-6).
func (a *API) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListGroupsForUser", aws.ToString(in.UserName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.GroupsForUser(ctx, aws.ToString(in.UserName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListGroupsForUserOutput{Groups: []types.Group{}}
	for i := range found {
		out.Groups = append(out.Groups, *showGroup(&found[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
