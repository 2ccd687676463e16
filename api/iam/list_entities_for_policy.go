package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	directory "github.com/berth-registry/berth/identity/iam"
)

// ListEntitiesForPolicy lists the users, groups and roles of the account that use a managed policy (IAM-8, IAM-10).
func (a *API) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "ListEntitiesForPolicy", aws.ToString(in.PolicyArn), string(in.EntityFilter), string(in.PolicyUsageFilter), aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	f := directory.EntityFilter{
		PathPrefix: aws.ToString(in.PathPrefix),
		Boundary:   in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary, Permissions: in.PolicyUsageFilter == types.PolicyUsageTypePermissionsPolicy,
	}
	switch in.EntityFilter {
	case types.EntityTypeUser:
		f.Kinds = []directory.Kind{directory.KindUser}
	case types.EntityTypeRole:
		f.Kinds = []directory.Kind{directory.KindRole}
	case types.EntityTypeGroup:
		f.Kinds = []directory.Kind{directory.KindGroup}
	}
	found, next, err := a.Directory.EntitiesForPolicy(ctx, aws.ToString(in.PolicyArn), f, p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{PolicyUsers: []types.PolicyUser{}, PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}}
	for _, e := range found {
		name, id := aws.String(e.Name), aws.String(e.ID)
		switch e.Kind {
		case directory.KindUser:
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: name, UserId: id})
		case directory.KindGroup:
			out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupName: name, GroupId: id})
		case directory.KindRole:
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: name, RoleId: id})
		}
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}
