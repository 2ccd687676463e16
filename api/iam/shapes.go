package iam

import (
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	directory "github.com/berth-registry/berth/identity/iam"
)

func user(name *string) directory.Ref {
	return directory.Ref{Kind: directory.KindUser, Name: aws.ToString(name)}
}

func group(name *string) directory.Ref {
	return directory.Ref{Kind: directory.KindGroup, Name: aws.ToString(name)}
}

func role(name *string) directory.Ref {
	return directory.Ref{Kind: directory.KindRole, Name: aws.ToString(name)}
}

func policy(arn *string) directory.Ref {
	return directory.Ref{Kind: directory.KindPolicy, Name: aws.ToString(arn)}
}

func profile(name *string) directory.Ref {
	return directory.Ref{Kind: directory.KindInstanceProfile, Name: aws.ToString(name)}
}

func provider(arn *string) directory.Ref {
	return directory.Ref{Kind: directory.KindProvider, Name: aws.ToString(arn)}
}

// optional is nil for what is not there.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func seconds(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }

// encoded is a policy document as IAM answers it: URL-encoded by RFC 3986, where a space is %20 (IAM-8).
func encoded(document string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

func readTags(tags []types.Tag) []directory.Tag {
	var out []directory.Tag
	for _, t := range tags {
		out = append(out, directory.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return out
}

func showTags(tags []directory.Tag) []types.Tag {
	out := []types.Tag{}
	for _, t := range tags {
		out = append(out, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out
}

// showOptionalTags leaves the member out when there are no tags, as IAM does for what is not only tags.
func showOptionalTags(tags []directory.Tag) []types.Tag {
	if len(tags) == 0 {
		return nil
	}
	return showTags(tags)
}

func showBoundary(arn string) *types.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: aws.String(arn), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy}
}

func showUser(u *directory.User) *types.User {
	shown := &types.User{
		UserId: aws.String(u.ID), UserName: aws.String(u.Name), Path: aws.String(u.Path), Arn: aws.String(u.ARN), CreateDate: aws.Time(u.Created),
		PermissionsBoundary: showBoundary(u.Boundary), Tags: showOptionalTags(u.Tags),
	}
	if !u.PasswordUsed.IsZero() {
		shown.PasswordLastUsed = aws.Time(u.PasswordUsed)
	}
	return shown
}

func showGroup(g *directory.Group) *types.Group {
	return &types.Group{GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Path: aws.String(g.Path), Arn: aws.String(g.ARN), CreateDate: aws.Time(g.Created)}
}

func showRole(r *directory.Role) *types.Role {
	return &types.Role{
		RoleId: aws.String(r.ID), RoleName: aws.String(r.Name), Path: aws.String(r.Path), Arn: aws.String(r.ARN), CreateDate: aws.Time(r.Created),
		AssumeRolePolicyDocument: encoded(r.Trust), Description: optional(r.Description), MaxSessionDuration: aws.Int32(int32(r.MaxSession / time.Second)),
		PermissionsBoundary: showBoundary(r.Boundary), Tags: showOptionalTags(r.Tags),
	}
}

// showProfile shows of the role what IAM shows of it inside a profile.
func showProfile(p *directory.InstanceProfile) *types.InstanceProfile {
	out := &types.InstanceProfile{
		InstanceProfileId: aws.String(p.ID), InstanceProfileName: aws.String(p.Name), Path: aws.String(p.Path), Arn: aws.String(p.ARN), CreateDate: aws.Time(p.Created),
		Roles: []types.Role{}, Tags: showOptionalTags(p.Tags),
	}
	if r := p.Role; r != nil {
		out.Roles = append(out.Roles, types.Role{
			RoleId: aws.String(r.ID), RoleName: aws.String(r.Name), Path: aws.String(r.Path), Arn: aws.String(r.ARN), CreateDate: aws.Time(r.Created),
			AssumeRolePolicyDocument: encoded(r.Trust), Description: optional(r.Description),
		})
	}
	return out
}

func showProfiles(found []directory.InstanceProfile) []types.InstanceProfile {
	out := []types.InstanceProfile{}
	for i := range found {
		out = append(out, *showProfile(&found[i]))
	}
	return out
}

func showPolicy(p *directory.ManagedPolicy) *types.Policy {
	return &types.Policy{
		PolicyId: aws.String(p.ID), PolicyName: aws.String(p.Name), Path: aws.String(p.Path), Arn: aws.String(p.ARN), Description: optional(p.Description),
		DefaultVersionId: aws.String(p.Version), IsAttachable: p.Attachable, AttachmentCount: aws.Int32(int32(p.Attachments)),
		PermissionsBoundaryUsageCount: aws.Int32(int32(p.BoundaryUses)), CreateDate: aws.Time(p.Created), UpdateDate: aws.Time(p.Updated), Tags: showOptionalTags(p.Tags),
	}
}

func showVersion(v *directory.PolicyVersion) *types.PolicyVersion {
	out := &types.PolicyVersion{VersionId: aws.String(v.Version), IsDefaultVersion: v.Default, CreateDate: aws.Time(v.Created)}
	if v.Document != "" {
		out.Document = encoded(v.Document)
	}
	return out
}

func keyStatus(active bool) types.StatusType {
	if active {
		return types.StatusTypeActive
	}
	return types.StatusTypeInactive
}

func showNewKey(k *directory.AccessKey) *types.AccessKey {
	return &types.AccessKey{
		UserName: optional(k.UserName), AccessKeyId: aws.String(k.ID), SecretAccessKey: aws.String(k.Secret), Status: keyStatus(k.Active), CreateDate: aws.Time(k.Created),
	}
}

func showKey(k *directory.AccessKey) types.AccessKeyMetadata {
	return types.AccessKeyMetadata{UserName: optional(k.UserName), AccessKeyId: aws.String(k.ID), Status: keyStatus(k.Active), CreateDate: aws.Time(k.Created)}
}

func showLoginProfile(p *directory.LoginProfile) *types.LoginProfile {
	return &types.LoginProfile{UserName: aws.String(p.UserName), CreateDate: aws.Time(p.Created), PasswordResetRequired: p.ResetRequired}
}
