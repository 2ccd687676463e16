package iam_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// IAM-9, IAM-10: everything of an account at once, in pages, and by kind; of AWS's policies those that are used.
func TestAccountAuthorizationDetails_IAM9(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		s.user("ann", pull)
		_, err := s.root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: str("devs")})
		s.ok(err)
		_, err = s.root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: str("devs"), UserName: str("ann")})
		s.ok(err)
		_, err = s.root.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: str("devs"), PolicyArn: str("arn:aws:iam::aws:policy/ReadOnlyAccess")})
		s.ok(err)
		_, err = s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("ci"), AssumeRolePolicyDocument: str(machines), PermissionsBoundary: str("arn:aws:iam::aws:policy/PowerUserAccess"), Tags: []types.Tag{{Key: str("k"), Value: str("v")}}})
		s.ok(err)
		_, err = s.root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: str("p")})
		s.ok(err)
		_, err = s.root.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: str("p"), RoleName: str("ci")})
		s.ok(err)
		made, err := s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str("own"), PolicyDocument: str(pull)})
		s.ok(err)
		_, err = s.root.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: made.Policy.Arn, PolicyDocument: str(policyOf("Allow", "ecr:*", "*", "")), SetAsDefault: true})
		s.ok(err)
		_, err = s.root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: str("ann"), PolicyArn: made.Policy.Arn})
		s.ok(err)

		all, err := s.root.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{})
		s.ok(err)
		equal(t, "users, groups, roles, policies", fmt.Sprint(len(all.UserDetailList), len(all.GroupDetailList), len(all.RoleDetailList), len(all.Policies)), "1 1 1 3")
		u, g, r := all.UserDetailList[0], all.GroupDetailList[0], all.RoleDetailList[0]
		equal(t, "groups of ann", u.GroupList, "[devs]")
		equal(t, "inline policy of ann", decoded(t, u.UserPolicyList[0].PolicyDocument), pull)
		equal(t, "attached policy of ann", *u.AttachedManagedPolicies[0].PolicyArn, *made.Policy.Arn)
		equal(t, "attached policy of devs", *g.AttachedManagedPolicies[0].PolicyName, "ReadOnlyAccess")
		equal(t, "trust", decoded(t, r.AssumeRolePolicyDocument), machines)
		equal(t, "boundary", *r.PermissionsBoundary.PermissionsBoundaryArn, "arn:aws:iam::aws:policy/PowerUserAccess")
		equal(t, "tag", *r.Tags[0].Value, "v")
		equal(t, "profile", *r.InstanceProfileList[0].InstanceProfileName+" "+*r.InstanceProfileList[0].Roles[0].RoleName, "p ci")
		own := all.Policies[0]
		equal(t, "own policy", fmt.Sprint(*own.Arn, " ", *own.DefaultVersionId, " ", *own.AttachmentCount), *made.Policy.Arn+" v2 1")
		equal(t, "its versions", fmt.Sprint(*own.PolicyVersionList[0].VersionId, own.PolicyVersionList[0].IsDefaultVersion, *own.PolicyVersionList[1].VersionId, own.PolicyVersionList[1].IsDefaultVersion), "v2truev1false")
		equal(t, "the first version", decoded(t, own.PolicyVersionList[1].Document), pull)
		equal(t, "of AWS", *all.Policies[1].PolicyName+" "+*all.Policies[2].PolicyName, "PowerUserAccess ReadOnlyAccess")

		for size := int32(1); size <= 7; size++ {
			seen := ""
			pages := iam.NewGetAccountAuthorizationDetailsPaginator(s.root, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(size)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				s.ok(err)
				if n := len(page.UserDetailList) + len(page.GroupDetailList) + len(page.RoleDetailList) + len(page.Policies); n > int(size) {
					t.Errorf("%d in a page of %d", n, size)
				}
				for _, x := range page.UserDetailList {
					seen += *x.UserName + " "
				}
				for _, x := range page.GroupDetailList {
					seen += *x.GroupName + " "
				}
				for _, x := range page.RoleDetailList {
					seen += *x.RoleName + " "
				}
				for _, x := range page.Policies {
					seen += *x.PolicyName + " "
				}
			}
			equal(t, fmt.Sprint("in pages of ", size), seen, "ann devs ci own PowerUserAccess ReadOnlyAccess ")
		}
		some, err := s.root.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole, types.EntityTypeAWSManagedPolicy}})
		s.ok(err)
		equal(t, "roles and policies of AWS", fmt.Sprint(len(some.UserDetailList), len(some.GroupDetailList), len(some.RoleDetailList), len(some.Policies)), "0 0 1 2")

		summary, err := s.root.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
		s.ok(err)
		for key, want := range map[string]int32{"Users": 1, "Groups": 1, "Roles": 1, "Policies": 1, "PolicyVersionsInUse": 2, "InstanceProfiles": 1, "GlobalEndpointTokenVersion": 2} {
			equal(t, key, summary.SummaryMap[key], want)
		}
		equal(t, "keys of the summary", len(summary.SummaryMap), len(types.SummaryKeyType("").Values()))
	})
}

// IAM-8, IAM-10: policies in pages, the account's own before those of AWS, also those that are used among many that are not; and who uses one, in pages.
func TestPagesOfPolicies_IAM8_IAM10(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		for i := range 7 {
			made, err := s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str(fmt.Sprintf("p%d", i)), PolicyDocument: str(pull), Path: str([]string{"/", "/ci/"}[i%2])})
			s.ok(err)
			name := fmt.Sprintf("u%d", i)
			_, err = s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, PermissionsBoundary: str("arn:aws:iam::aws:policy/PowerUserAccess")})
			s.ok(err)
			_, err = s.root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name})
			s.ok(err)
			_, err = s.root.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: str("arn:aws:iam::aws:policy/PowerUserAccess")})
			s.ok(err)
			if i%3 == 0 {
				_, err = s.root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: made.Policy.Arn})
				s.ok(err)
				_, err = s.root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: str("arn:aws:iam::aws:policy/PowerUserAccess")})
				s.ok(err)
			}
		}
		for want, in := range map[string]*iam.ListPoliciesInput{
			"p0 p1 p2 p3 p4 p5 p6 ":     {Scope: types.PolicyScopeTypeLocal},
			"p1 p3 p5 ":                 {PathPrefix: str("/ci/")},
			"p0 p3 p6 PowerUserAccess ": {OnlyAttached: true},
			"PowerUserAccess ":          {PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary},
		} {
			for _, size := range []int32{1, 2, 3, 100} {
				in.MaxItems, in.Marker = aws.Int32(size), nil
				seen := ""
				pages := iam.NewListPoliciesPaginator(s.root, in)
				for pages.HasMorePages() {
					page, err := pages.NextPage(ctx)
					s.ok(err)
					for _, p := range page.Policies {
						seen += *p.PolicyName + " "
					}
				}
				equal(t, fmt.Sprint("policies in pages of ", size), seen, want)
			}
		}
		all := 0
		pages := iam.NewListPoliciesPaginator(s.root, &iam.ListPoliciesInput{MaxItems: aws.Int32(7)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			s.ok(err)
			all += len(page.Policies)
		}
		ofAWS, err := s.root.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws})
		s.ok(err)
		equal(t, "all policies", all, 7+len(ofAWS.Policies))

		for _, size := range []int32{1, 3, 100} {
			users, groups := map[string]bool{}, 0
			in := &iam.ListEntitiesForPolicyInput{PolicyArn: str("arn:aws:iam::aws:policy/PowerUserAccess"), MaxItems: aws.Int32(size)}
			pages := iam.NewListEntitiesForPolicyPaginator(s.root, in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				s.ok(err)
				groups += len(page.PolicyGroups)
				for _, u := range page.PolicyUsers {
					if users[*u.UserName] {
						t.Errorf("%s twice", *u.UserName)
					}
					users[*u.UserName] = true
				}
			}
			equal(t, fmt.Sprint("users and groups in pages of ", size), fmt.Sprint(len(users), groups), "7 7")
		}
		attached, err := s.root.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: str("arn:aws:iam::aws:policy/PowerUserAccess"), EntityFilter: types.EntityTypeUser, PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy})
		s.ok(err)
		equal(t, "users that have it attached", len(attached.PolicyUsers), 3)
	})
}
