package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// The delegation that AWS's guide shows (IAM-7, IAM-8, IAMP-3): ann makes roles and users and gives them policies, but only within a boundary, which she cannot take away, and
// policies of AWS only where she is told which.
func TestDelegationWithinABoundary(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		limit, err := s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str("limit"), PolicyDocument: str(policyOf("Allow", "ecr:*", "*", ""))})
		s.ok(err)
		ann := s.user("ann", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["iam:CreateRole","iam:PutRolePolicy","iam:CreateUser","iam:DeleteRolePolicy"],"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+*limit.Policy.Arn+`"}}},
			{"Effect":"Allow","Action":["iam:AttachRolePolicy","iam:DetachRolePolicy"],"Resource":"*","Condition":{
				"StringEquals":{"iam:PermissionsBoundary":"`+*limit.Policy.Arn+`"},"ArnLike":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistry*"}}},
			{"Effect":"Allow","Action":"iam:UpdateRoleDescription","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/team":"blue"}}}]}`)
		denied := func(what string, err error) {
			t.Helper()
			t.Log(what)
			s.refused(err, 403, "AccessDenied", "User: arn:aws:iam::111222333444:user/ann is not authorized to perform: iam:…")
		}
		_, err = s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("free"), AssumeRolePolicyDocument: str(machines)})
		s.ok(err)
		denied("a role without the boundary", second(ann.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("bound"), AssumeRolePolicyDocument: str(machines)})))
		_, err = ann.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("bound"), AssumeRolePolicyDocument: str(machines), PermissionsBoundary: limit.Policy.Arn})
		s.ok(err)
		pullOnly, admin := str("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"), str("arn:aws:iam::aws:policy/AdministratorAccess")
		_, err = ann.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: str("bound"), PolicyArn: pullOnly})
		s.ok(err)
		denied("another policy", second(ann.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: str("bound"), PolicyArn: admin})))
		denied("a role without the boundary", second(ann.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: str("free"), PolicyArn: pullOnly})))
		_, err = ann.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: str("bound"), PolicyName: str("p"), PolicyDocument: str(pull)})
		s.ok(err)
		denied("an inline policy of the free role", second(ann.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: str("free"), PolicyName: str("p"), PolicyDocument: str(pull)})))
		_, err = ann.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: str("bound"), PolicyName: str("p")})
		s.ok(err)
		denied("the boundary itself", second(ann.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: str("bound")})))
		denied("a role without the tag", second(ann.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: str("bound"), Description: str("x")})))
		_, err = s.root.TagRole(ctx, &iam.TagRoleInput{RoleName: str("bound"), Tags: []types.Tag{{Key: str("Team"), Value: str("blue")}}})
		s.ok(err)
		_, err = ann.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: str("bound"), Description: str("x")})
		s.ok(err)
	})
}

// IAM-23: what was made can be named and used in the very next call, and what was renamed is the same under its new name.
func TestEveryChangeIsSeenAtOnce_IAM23(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		for _, name := range []string{"a", "b", "c"} {
			user := s.user(name, policyOf("Allow", "iam:GetUser", "*", ""))
			_, err := user.GetUser(ctx, &iam.GetUserInput{})
			s.ok(err)
			_, err = s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("for-" + name), AssumeRolePolicyDocument: str(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111222333444:user/` + name + `"},"Action":"sts:AssumeRole"}]}`)})
			s.ok(err)
			_, err = s.root.UpdateUser(ctx, &iam.UpdateUserInput{UserName: &name, NewUserName: str(name + "2"), NewPath: str("/moved/")})
			s.ok(err)
			got, err := user.GetUser(ctx, &iam.GetUserInput{})
			s.ok(err)
			equal(t, "the caller, renamed", *got.User.Arn, "arn:aws:iam::111222333444:user/moved/"+name+"2")
			_, err = s.root.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: str(name + "2"), PolicyName: str("inline")})
			s.ok(err)
			_, err = user.GetUser(ctx, &iam.GetUserInput{})
			s.refused(err, 403, "AccessDenied", "User: arn:aws:iam::111222333444:user/moved/"+name+"2 is not authorized to perform: iam:GetUser…")
		}
	})
}

// IAM-4: the limits that no other test meets, with AWS's texts. IAM-1: the prefix of each kind of unique id.
func TestLimits_IAM4_IAM1(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		prefix := func(id *string, want string) {
			t.Helper()
			if len(*id) != 21 || (*id)[:4] != want {
				t.Errorf("%s is no id of %s", *id, want)
			}
		}
		s.user("ann", "")
		var err error
		for i := range 11 {
			name := fmt.Sprintf("n%d", i)
			g, err := s.root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name})
			s.ok(err)
			prefix(g.Group.GroupId, "AGPA")
			p, err := s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: str(pull)})
			s.ok(err)
			prefix(p.Policy.PolicyId, "ANPA")
			_, joined := s.root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: str("ann"), GroupName: &name})
			_, attached := s.root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: str("ann"), PolicyArn: p.Policy.Arn})
			if i < 10 {
				s.ok(joined)
				s.ok(attached)
				continue
			}
			s.refused(joined, 409, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")
			s.refused(attached, 409, "LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10")
		}
		large := policyOf("Allow", "ecr:*", "arn:aws:ecr:*:*:repository/"+strings.Repeat("x", 6200), "")
		_, err = s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str("large"), PolicyDocument: &large})
		s.refused(err, 409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
		spaced := policyOf("Allow", "ecr:*", "*", strings.Repeat(" ", 7000)) // white space does not count
		_, err = s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str("spaced"), PolicyDocument: &spaced})
		s.ok(err)
		r, err := s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("r"), AssumeRolePolicyDocument: str(machines)})
		s.ok(err)
		prefix(r.Role.RoleId, "AROA")
		_, err = s.root.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: str("r"), PolicyDocument: str(strings.Replace(machines, `"Action"`, `"Condition":{"StringEquals":{"sts:ExternalId":"`+strings.Repeat("x", 2048)+`"}},"Action"`, 1))})
		s.refused(err, 409, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
		for kind, err := range map[string]error{
			"userName":            second(s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str(strings.Repeat("x", 65))})),
			"roleName":            second(s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str(strings.Repeat("x", 65)), AssumeRolePolicyDocument: str(machines)})),
			"instanceProfileName": second(s.root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: str(strings.Repeat("x", 129))})),
		} {
			t.Log(kind) // IAM-3
			s.refused(err, 400, "ValidationError", "1 validation error detected: Value '"+strings.Repeat("x", 65)+"…")
		}
	})
}
