package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const machines = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// IAM-7, IAM-1, IAM-4: an instance profile from its making to its end, with AWS's texts.
func TestInstanceProfiles_IAM7(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		role := func(name string) {
			_, err := s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: str(machines)})
			s.ok(err)
		}
		role("builder")
		role("other")
		made, err := s.root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: str("Builders"), Path: str("/ci/"), Tags: []types.Tag{{Key: str("team"), Value: str("blue")}}})
		s.ok(err)
		equal(t, "ARN", *made.InstanceProfile.Arn, "arn:aws:iam::111222333444:instance-profile/ci/Builders")
		if id := *made.InstanceProfile.InstanceProfileId; len(id) != 21 || !strings.HasPrefix(id, "AIPA") {
			t.Errorf("unique id %s", id)
		}
		_, err = s.root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: str("builders")})
		s.refused(err, 409, "EntityAlreadyExists", "Instance Profile builders already exists.")
		for name, err := range map[string]error{
			"get":    second(s.root.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: str("none")})),
			"delete": second(s.root.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: str("none")})),
			"add":    second(s.root.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: str("none"), RoleName: str("builder")})),
			"remove": second(s.root.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: str("none"), RoleName: str("builder")})),
			"tag":    second(s.root.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: str("none"), Tags: []types.Tag{{Key: str("a"), Value: str("b")}}})),
			"tags":   second(s.root.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: str("none")})),
		} {
			t.Log(name)
			s.refused(err, 404, "NoSuchEntity", "Instance Profile none cannot be found.")
		}
		add := func(role string) error {
			return second(s.root.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: str("builders"), RoleName: &role}))
		}
		remove := func(role string) error {
			return second(s.root.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: str("builders"), RoleName: &role}))
		}
		s.refused(add("nobody"), 404, "NoSuchEntity", "The role with name nobody cannot be found.")
		s.ok(add("builder"))
		s.refused(add("other"), 409, "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1") // IAM-4
		s.refused(remove("other"), 404, "NoSuchEntity", "Role other in Instance Profile Builders cannot be found.")

		got, err := s.root.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: str("builders")})
		s.ok(err)
		equal(t, "role", *got.InstanceProfile.Roles[0].Arn, "arn:aws:iam::111222333444:role/builder")
		equal(t, "its trust", decoded(t, got.InstanceProfile.Roles[0].AssumeRolePolicyDocument), machines)
		equal(t, "tag", *got.InstanceProfile.Tags[0].Value, "blue")
		of, err := s.root.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: str("builder")})
		s.ok(err)
		equal(t, "profiles of the role", *of.InstanceProfiles[0].InstanceProfileName, "Builders")
		of, err = s.root.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: str("other")})
		s.ok(err)
		equal(t, "profiles of the other role", len(of.InstanceProfiles), 0)
		_, err = s.root.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: str("builder")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.") // IAM-11
		_, err = s.root.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: str("builders")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")

		_, err = s.root.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: str("builders"), Tags: []types.Tag{{Key: str("size"), Value: str("2")}}})
		s.ok(err)
		_, err = s.root.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: str("builders"), TagKeys: []string{"Team"}})
		s.ok(err)
		tags, err := s.root.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: str("builders")})
		s.ok(err)
		equal(t, "tags", *tags.Tags[0].Key+fmt.Sprint(len(tags.Tags)), "size1")
		s.ok(remove("builder"))
		_, err = s.root.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: str("builder")})
		s.ok(err)
		_, err = s.root.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: str("builders")})
		s.ok(err)
		list, err := s.root.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{})
		s.ok(err)
		equal(t, "left", len(list.InstanceProfiles), 0)
	})
}

// Who puts a role into an instance profile hands it to machines: that takes iam:PassRole on the role, to EC2.
func TestProfilesNeedPassRole(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		_, err := s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("builder"), AssumeRolePolicyDocument: str(machines)})
		s.ok(err)
		_, err = s.root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: str("p")})
		s.ok(err)
		ann := s.user("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"}}`)
		bob := s.user("bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"},
			{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`)
		in := &iam.AddRoleToInstanceProfileInput{InstanceProfileName: str("p"), RoleName: str("builder")}
		_, err = ann.AddRoleToInstanceProfile(ctx, in)
		s.refused(err, 403, "AccessDenied", "User: arn:aws:iam::111222333444:user/ann is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111222333444:role/builder because no identity-based policy allows the iam:PassRole action")
		_, err = bob.AddRoleToInstanceProfile(ctx, in)
		s.ok(err)
	})
}

// IAM-10: what lies under a path comes in pages too, each entry once, also where paths are so long that no marker holds them, and nothing of a path that only
// begins alike in another order.
func TestPagesUnderAPath_IAM10(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		long := "/long/" + strings.Repeat("x", 400) + "/"
		for i := range 7 {
			for _, path := range []string{"/a/", "/a/b/", "/ab/", "/B/", long} {
				_, err := s.root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: str(fmt.Sprintf("p%d%c%d", i, path[1], len(path))), Path: &path})
				s.ok(err)
			}
		}
		for prefix, want := range map[string]int{"/a": 21, "/a/": 14, "/a/b/": 7, "/b": 0, "/long/": 7, "/": 35} {
			seen := map[string]bool{}
			pages := iam.NewListInstanceProfilesPaginator(s.root, &iam.ListInstanceProfilesInput{MaxItems: aws.Int32(3), PathPrefix: &prefix})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				s.ok(err)
				for _, p := range page.InstanceProfiles {
					if !strings.HasPrefix(*p.Path, prefix) || seen[*p.InstanceProfileName] {
						t.Errorf("under %s came %s%s, before: %v", prefix, *p.Path, *p.InstanceProfileName, seen[*p.InstanceProfileName])
					}
					seen[*p.InstanceProfileName] = true
				}
			}
			equal(t, "under "+prefix, len(seen), want)
		}
	})
}
