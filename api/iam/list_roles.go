package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListRoles lists the roles of the account under a path (IAM-7, IAM-10).
func (a *API) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListRoles", aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Roles(ctx, aws.ToString(in.PathPrefix), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Roles: []types.Role{}}
	for i := range found {
		out.Roles = append(out.Roles, *showRole(&found[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
