package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// GetGroup returns a group and its users (IAM-6, IAM-10).
func (a *API) GetGroup(ctx context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "GetGroup", aws.ToString(in.GroupName))
	if err != nil {
		return nil, err
	}
	group, users, next, err := a.Directory.Group(ctx, aws.ToString(in.GroupName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.GetGroupOutput{Group: showGroup(group), Users: []types.User{}}
	for i := range users {
		out.Users = append(out.Users, *showUser(&users[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
