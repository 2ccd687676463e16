package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListUsers lists the users of the account under a path (IAM-5, IAM-10).
func (a *API) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListUsers", aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Users(ctx, aws.ToString(in.PathPrefix), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListUsersOutput{Users: []types.User{}}
	for i := range found {
		out.Users = append(out.Users, *showUser(&found[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
