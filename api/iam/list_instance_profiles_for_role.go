package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// ListInstanceProfilesForRole lists the instance profiles that hold a role (IAM-7, IAM-10).
func (a *API) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListInstanceProfilesForRole", aws.ToString(in.RoleName))
	if err != nil {
		return nil, err
	}
	found, next, err := a.Directory.InstanceProfilesForRole(ctx, aws.ToString(in.RoleName), p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: showProfiles(found)}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
