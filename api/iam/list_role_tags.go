package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListRoleTags lists the tags of a role (IAM-9, IAM-10).
func (a *API) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListRoleTags", aws.ToString(in.RoleName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.Tags(ctx, role(in.RoleName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRoleTagsOutput{Tags: showTags(found)}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
