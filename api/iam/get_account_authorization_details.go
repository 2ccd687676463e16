package iam

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	directory "github.com/berth-registry/berth/identity/iam"
)

// GetAccountAuthorizationDetails shows all users, groups, roles and policies of the account with what decides what they may do (IAM-9, IAM-10).
func (a *API) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	p, err := a.page(ctx, in.Marker, in.MaxItems, "GetAccountAuthorizationDetails", fmt.Sprint(in.Filter))
	if err != nil {
		return nil, err
	}
	var f directory.DetailFilter
	for _, kind := range in.Filter {
		switch kind {
		case types.EntityTypeUser:
			f.Users = true
		case types.EntityTypeGroup:
			f.Groups = true
		case types.EntityTypeRole:
			f.Roles = true
		case types.EntityTypeLocalManagedPolicy:
			f.Local = true
		case types.EntityTypeAWSManagedPolicy:
			f.AWS = true
		}
	}
	found, next, err := a.Directory.AccountDetails(ctx, f, p.Page)
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []types.UserDetail{}, GroupDetailList: []types.GroupDetail{}, RoleDetailList: []types.RoleDetail{}, Policies: []types.ManagedPolicyDetail{},
	}
	for i := range found.Users {
		out.UserDetailList = append(out.UserDetailList, showUserDetail(&found.Users[i]))
	}
	for i := range found.Groups {
		out.GroupDetailList = append(out.GroupDetailList, showGroupDetail(&found.Groups[i]))
	}
	for i := range found.Roles {
		out.RoleDetailList = append(out.RoleDetailList, showRoleDetail(&found.Roles[i]))
	}
	for i := range found.Policies {
		out.Policies = append(out.Policies, showPolicyDetail(&found.Policies[i]))
	}
	out.Marker, out.IsTruncated = p.next(next)
	return out, nil
}

func showUserDetail(u *directory.UserDetail) types.UserDetail {
	return types.UserDetail{
		UserId: aws.String(u.ID), UserName: aws.String(u.Name), Path: aws.String(u.Path), Arn: aws.String(u.ARN), CreateDate: aws.Time(u.Created),
		PermissionsBoundary: showBoundary(u.Boundary), Tags: showTags(u.Tags), GroupList: append([]string{}, u.Groups...),
		UserPolicyList: showInline(u.Inline), AttachedManagedPolicies: showAttached(u.Attached),
	}
}

func showGroupDetail(g *directory.GroupDetail) types.GroupDetail {
	return types.GroupDetail{
		GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Path: aws.String(g.Path), Arn: aws.String(g.ARN), CreateDate: aws.Time(g.Created),
		GroupPolicyList: showInline(g.Inline), AttachedManagedPolicies: showAttached(g.Attached),
	}
}

func showRoleDetail(r *directory.RoleDetail) types.RoleDetail {
	return types.RoleDetail{
		RoleId: aws.String(r.ID), RoleName: aws.String(r.Name), Path: aws.String(r.Path), Arn: aws.String(r.ARN), CreateDate: aws.Time(r.Created),
		AssumeRolePolicyDocument: encoded(r.Trust), PermissionsBoundary: showBoundary(r.Boundary), Tags: showTags(r.Tags), RoleLastUsed: &types.RoleLastUsed{},
		RolePolicyList: showInline(r.Inline), AttachedManagedPolicies: showAttached(r.Attached), InstanceProfileList: showProfiles(r.Profiles),
	}
}

func showPolicyDetail(p *directory.PolicyDetail) types.ManagedPolicyDetail {
	out := types.ManagedPolicyDetail{
		PolicyId: aws.String(p.ID), PolicyName: aws.String(p.Name), Path: aws.String(p.Path), Arn: aws.String(p.ARN), Description: optional(p.Description),
		DefaultVersionId: aws.String(p.Version), IsAttachable: p.Attachable, AttachmentCount: aws.Int32(int32(p.Attachments)),
		PermissionsBoundaryUsageCount: aws.Int32(int32(p.BoundaryUses)), CreateDate: aws.Time(p.Created), UpdateDate: aws.Time(p.Updated), PolicyVersionList: []types.PolicyVersion{},
	}
	for i := range p.Versions {
		out.PolicyVersionList = append(out.PolicyVersionList, *showVersion(&p.Versions[i]))
	}
	return out
}

func showInline(policies []directory.InlinePolicy) []types.PolicyDetail {
	out := []types.PolicyDetail{}
	for _, p := range policies {
		out = append(out, types.PolicyDetail{PolicyName: aws.String(p.Name), PolicyDocument: encoded(p.Document)})
	}
	return out
}

func showAttached(policies []directory.AttachedPolicy) []types.AttachedPolicy {
	out := []types.AttachedPolicy{}
	for _, p := range policies {
		out = append(out, types.AttachedPolicy{PolicyName: aws.String(p.Name), PolicyArn: aws.String(p.ARN)})
	}
	return out
}
