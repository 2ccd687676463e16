package iam_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const pull = `{ "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], "Resource": "*"}] }`

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111222333444:user/div/ann"},"Action":"sts:AssumeRole"}]}`

func str(s string) *string { return &s }

// IAM-1, IAM-2, IAM-3, IAM-5: a user from its making to its end, by the AWS client.
func TestUsers_IAM5(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		made, err := s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str("Ann"), Path: str("/div/"), Tags: []types.Tag{{Key: str("team"), Value: str("blue")}}})
		s.ok(err)
		equal(t, "ARN", *made.User.Arn, "arn:aws:iam::111222333444:user/div/Ann")
		if id := *made.User.UserId; len(id) != 21 || !strings.HasPrefix(id, "AIDA") {
			t.Errorf("unique id %s", id)
		}
		_, err = s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str("ANN")})
		s.refused(err, 409, "EntityAlreadyExists", "User with name ANN already exists.")
		_, err = s.root.GetUser(ctx, &iam.GetUserInput{UserName: str("bob")})
		s.refused(err, 404, "NoSuchEntity", "The user with name bob cannot be found.")
		_, err = s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str("no spaces")})
		s.refused(err, 400, "ValidationError", "1 validation error detected: Value 'no spaces' at 'userName' failed to satisfy constraint: …")
		_, err = s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str("bob"), Tags: []types.Tag{{Key: str("a"), Value: str("1")}, {Key: str("A"), Value: str("2")}}})
		s.refused(err, 400, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")

		got, err := s.root.GetUser(ctx, &iam.GetUserInput{UserName: str("ann")})
		s.ok(err)
		equal(t, "name", *got.User.UserName, "Ann")
		equal(t, "tag", *got.User.Tags[0].Value, "blue")

		k, err := s.root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: str("Ann")})
		s.ok(err)
		if id, secret := *k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey; len(id) != 20 || !strings.HasPrefix(id, "AKIA") || len(secret) != 40 {
			t.Errorf("key %s with a secret of %d", id, len(secret))
		}
		ann := s.client(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey)
		_, err = ann.GetUser(ctx, &iam.GetUserInput{})
		s.refused(err, 403, "AccessDenied", "User: arn:aws:iam::111222333444:user/div/Ann is not authorized to perform: iam:GetUser on resource: arn:aws:iam::111222333444:user/div/Ann because no identity-based policy allows the iam:GetUser action")
		_, err = s.root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: str("Ann"), PolicyName: str("self"), PolicyDocument: str(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:user/div/${aws:username}"}}`)})
		s.ok(err)
		got, err = ann.GetUser(ctx, &iam.GetUserInput{})
		s.ok(err)
		equal(t, "the caller itself", *got.User.UserName, "Ann")

		_, err = s.root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: str("Ann")})
		s.ok(err)
		_, err = ann.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
		s.refused(err, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
		keys, err := ann.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
		s.ok(err)
		equal(t, "keys", len(keys.AccessKeyMetadata), 2)
		used, err := s.root.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKey.AccessKeyId})
		s.ok(err)
		equal(t, "last used by", *used.UserName, "Ann")
		equal(t, "last used for", *used.AccessKeyLastUsed.ServiceName, "iam")
		if used.AccessKeyLastUsed.LastUsedDate == nil {
			t.Error("it was used")
		}

		_, err = s.root.DeleteUser(ctx, &iam.DeleteUserInput{UserName: str("Ann")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must delete access keys first.")
		for _, m := range keys.AccessKeyMetadata {
			_, err = s.root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: str("Ann"), AccessKeyId: m.AccessKeyId})
			s.ok(err)
		}
		_, err = ann.GetUser(ctx, &iam.GetUserInput{})
		s.refused(err, 403, "InvalidClientTokenId", "The security token included in the request is invalid.") // API-15
		_, err = s.root.DeleteUser(ctx, &iam.DeleteUserInput{UserName: str("Ann")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
		_, err = s.root.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: str("Ann"), PolicyName: str("self")})
		s.ok(err)
		_, err = s.root.UpdateUser(ctx, &iam.UpdateUserInput{UserName: str("Ann"), NewUserName: str("Anna"), NewPath: str("/")})
		s.ok(err)
		_, err = s.root.DeleteUser(ctx, &iam.DeleteUserInput{UserName: str("anna")})
		s.ok(err)

		// The root user is a user too, without a name of its own.
		got, err = s.root.GetUser(ctx, &iam.GetUserInput{})
		s.ok(err)
		equal(t, "root", *got.User.Arn, "arn:aws:iam::111222333444:root")
	})
}

// IAM-10, H55: lists come in pages; a marker goes on with its own list and with no other.
func TestPages_IAM10(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		for i := range 25 {
			_, err := s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str(fmt.Sprintf("user-%02d", i)), Path: str([]string{"/even/", "/odd/"}[i%2])})
			s.ok(err)
		}
		names := ""
		pages := iam.NewListUsersPaginator(s.root, &iam.ListUsersInput{MaxItems: aws.Int32(4), PathPrefix: str("/odd/")})
		count := 0
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			s.ok(err)
			count++
			for _, u := range page.Users {
				names += strings.TrimPrefix(*u.UserName, "user-") + " "
			}
		}
		equal(t, "pages", count, 3)
		equal(t, "names", names, "01 03 05 07 09 11 13 15 17 19 21 23 ")
		first, err := s.root.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1)})
		s.ok(err)
		may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:List*","Resource":"*"}]}`
		ann, bob := s.user("ann", may), s.user("bob", may)
		own, err := ann.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1)})
		s.ok(err)
		_, err = ann.ListUsers(ctx, &iam.ListUsersInput{Marker: own.Marker})
		s.ok(err)
		for name, err := range map[string]error{
			"the root user's":   second(ann.ListUsers(ctx, &iam.ListUsersInput{Marker: first.Marker})),
			"another user's":    second(bob.ListUsers(ctx, &iam.ListUsersInput{Marker: own.Marker})),
			"another filter":    second(s.root.ListUsers(ctx, &iam.ListUsersInput{Marker: first.Marker, PathPrefix: str("/odd/")})),
			"another operation": second(s.root.ListRoles(ctx, &iam.ListRolesInput{Marker: first.Marker})),
			"a forged one":      second(s.root.ListUsers(ctx, &iam.ListUsersInput{Marker: str("AAAA")})),
		} {
			t.Log(name)
			s.refused(err, 400, "ValidationError", "Invalid Marker.")
		}
	})
}

func second[T any](_ T, err error) error { return err }

// IAM-6: groups and their members.
func TestGroups_IAM6(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		ann := s.user("ann", "")
		g, err := s.root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: str("admins")})
		s.ok(err)
		equal(t, "ARN", *g.Group.Arn, "arn:aws:iam::111222333444:group/admins")
		_, err = s.root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: str("Admins")})
		s.refused(err, 409, "EntityAlreadyExists", "Group with name Admins already exists.")
		_, err = s.root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: str("admins"), UserName: str("ann")})
		s.ok(err)
		_, err = s.root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: str("admins"), UserName: str("nobody")})
		s.refused(err, 404, "NoSuchEntity", "The user with name nobody cannot be found.")
		_, err = ann.ListGroups(ctx, &iam.ListGroupsInput{})
		s.refused(err, 403, "AccessDenied", "User: arn:aws:iam::111222333444:user/ann is not authorized to perform: iam:ListGroups on resource: arn:aws:iam::111222333444:group/ because no identity-based policy allows the iam:ListGroups action")
		_, err = s.root.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: str("admins"), PolicyArn: str("arn:aws:iam::aws:policy/AdministratorAccess")})
		s.ok(err)
		list, err := ann.ListGroups(ctx, &iam.ListGroupsInput{})
		s.ok(err)
		equal(t, "groups", len(list.Groups), 1)
		mine, err := ann.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: str("ann")})
		s.ok(err)
		equal(t, "groups of ann", *mine.Groups[0].GroupName, "admins")
		full, err := ann.GetGroup(ctx, &iam.GetGroupInput{GroupName: str("admins")})
		s.ok(err)
		equal(t, "member", *full.Users[0].UserName, "ann")
		_, err = s.root.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: str("admins"), NewGroupName: str("operators")})
		s.ok(err)
		_, err = s.root.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: str("operators")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
		_, err = s.root.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: str("operators"), UserName: str("ann")})
		s.ok(err)
		_, err = s.root.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: str("operators")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
		_, err = s.root.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: str("operators"), PolicyArn: str("arn:aws:iam::aws:policy/AdministratorAccess")})
		s.ok(err)
		_, err = s.root.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: str("operators")})
		s.ok(err)
		_, err = s.root.GetGroup(ctx, &iam.GetGroupInput{GroupName: str("operators")})
		s.refused(err, 404, "NoSuchEntity", "The group with name operators cannot be found.")
	})
}

// IAM-7, IAMP-2.1: roles, and trust policies whose principals are remembered by id.
func TestRoles_IAM7(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		create := &iam.CreateRoleInput{RoleName: str("ci"), AssumeRolePolicyDocument: str(trust), Description: str("builds"), MaxSessionDuration: aws.Int32(7200)}
		_, err := s.root.CreateRole(ctx, create)
		s.refused(err, 400, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::111222333444:user/div/ann"`)
		_, err = s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str("ann"), Path: str("/div/")})
		s.ok(err)
		made, err := s.root.CreateRole(ctx, create)
		s.ok(err)
		equal(t, "ARN", *made.Role.Arn, "arn:aws:iam::111222333444:role/ci")
		_, err = s.root.CreateRole(ctx, create)
		s.refused(err, 409, "EntityAlreadyExists", "Role with name ci already exists.")

		_, err = s.root.UpdateUser(ctx, &iam.UpdateUserInput{UserName: str("ann"), NewUserName: str("anna")})
		s.ok(err)
		got, err := s.root.GetRole(ctx, &iam.GetRoleInput{RoleName: str("CI")})
		s.ok(err)
		equal(t, "trust after ann was renamed", decoded(t, got.Role.AssumeRolePolicyDocument), strings.Replace(trust, "ann", "anna", 1))
		equal(t, "longest session", *got.Role.MaxSessionDuration, 7200)
		_, err = s.root.DeleteUser(ctx, &iam.DeleteUserInput{UserName: str("anna")})
		s.ok(err)
		got, err = s.root.GetRole(ctx, &iam.GetRoleInput{RoleName: str("ci")})
		s.ok(err)
		if d := decoded(t, got.Role.AssumeRolePolicyDocument); !strings.Contains(d, `{"AWS":"AIDA`) {
			t.Errorf("after anna was deleted the trust policy shows %s", d)
		}

		_, err = s.root.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: str("ci"), PolicyDocument: str("not json")})
		s.refused(err, 400, "MalformedPolicyDocument", "This policy contains invalid Json…")
		// What a word processor made of the quotes is refused before it is read as a policy: AWS's text, and behind it where and what to write instead (trap 5).
		_, err = s.root.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: str("ci"), PolicyDocument: str("{\n “Version”: 1}")})
		s.refused(err, 400, "ValidationError", "1 validation error detected: Value '{\n “Version”: 1}' at 'policyDocument' failed to satisfy constraint: Member must satisfy regular expression pattern: "+
			`[\u0009\u000A\u000D\u0020-\u00FF]+ (line 2, column 2: Fix the JSON syntax error at index 3 line 2 column 2: found '“' where a name in double quotes or '}' is expected; typographic quote “: write a plain " instead)`)
		_, err = s.root.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: str("ci"), PolicyDocument: str(`{"Id": "読"}`)})
		s.refused(err, 400, "ValidationError", `1 validation error detected: Value '{"Id": "読"}' at 'policyDocument' failed to satisfy constraint: Member must satisfy regular expression pattern: `+
			`[\u0009\u000A\u000D\u0020-\u00FF]+ (line 1, column 9: the character '読' (U+8AAD) may not stand in a policy)`)
		_, err = s.root.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: str("ci"), PolicyDocument: str(strings.Replace(trust, "user/div/ann", "root", 1))})
		s.ok(err)
		_, err = s.root.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: str("ci"), MaxSessionDuration: aws.Int32(3600)})
		s.ok(err)
		_, err = s.root.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: str("ci"), PermissionsBoundary: str("arn:aws:iam::aws:policy/PowerUserAccess")})
		s.ok(err)
		got, err = s.root.GetRole(ctx, &iam.GetRoleInput{RoleName: str("ci")})
		s.ok(err)
		equal(t, "description stays", *got.Role.Description, "builds")
		equal(t, "boundary", *got.Role.PermissionsBoundary.PermissionsBoundaryArn, "arn:aws:iam::aws:policy/PowerUserAccess")
		_, err = s.root.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: str("ci")})
		s.ok(err)
		described, err := s.root.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: str("ci"), Description: str("new")})
		s.ok(err)
		equal(t, "description", *described.Role.Description, "new")
		roles, err := s.root.ListRoles(ctx, &iam.ListRolesInput{})
		s.ok(err)
		equal(t, "roles", len(roles.Roles), 1)
		profiles, err := s.root.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: str("ci")})
		s.ok(err)
		equal(t, "profiles", len(profiles.InstanceProfiles), 0)
		_, err = s.root.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: str("ci"), PolicyArn: str("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")})
		s.ok(err)
		_, err = s.root.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: str("ci")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
		_, err = s.root.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: str("ci"), PolicyArn: str("arn:aws:iam::aws:policy/aws-service-role/ECRReplicationServiceRolePolicy")})
		s.refused(err, 404, "NoSuchEntity", "Policy arn:aws:iam::aws:policy/aws-service-role/ECRReplicationServiceRolePolicy does not exist or is not attachable.")
	})
}

func decoded(t testing.TB, document *string) string {
	t.Helper()
	text, err := url.PathUnescape(aws.ToString(document)) // RFC 3986: a plus sign would stay one
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// IAM-8: a document comes back byte for byte, URL-encoded.
func TestInlinePolicies_IAM8(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		s.user("ann", "")
		odd := strings.Replace(pull, `"Effect"`, `"Sid": "Plus1", "Effect"`, 1) + "\n\t"
		_, err := s.root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: str("ann"), PolicyName: str("p"), PolicyDocument: &odd})
		s.ok(err)
		got, err := s.root.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: str("ann"), PolicyName: str("p")})
		s.ok(err)
		equal(t, "document", decoded(t, got.PolicyDocument), odd)
		_, err = s.root.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: str("ann"), PolicyName: str("q")})
		s.refused(err, 404, "NoSuchEntity", "The user policy with name q cannot be found.")
		_, err = s.root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: str("ann"), PolicyName: str("bad"), PolicyDocument: str("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"ecr:*\", \"Resorce\": \"*\"}]\n}")})
		s.refused(err, 400, "MalformedPolicyDocument", "Syntax errors in policy. (line 3, column 56: The element Resorce is not valid in a statement; did you mean Resource?)")
		// What is quoted is what refuses: IAM stores the action that does not exist.
		_, err = s.root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: str("ann"), PolicyName: str("bad"), PolicyDocument: str(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:Nope","Resource":"*","Principal":"*"}}`)})
		s.refused(err, 400, "MalformedPolicyDocument", "Syntax errors in policy. (line 1, column 102: A policy of this type has no Principal: it applies to those whom it is attached to; remove it)")
		var many []string
		for i := range 200 {
			many = append(many, fmt.Sprintf(`"arn:aws:ecr:*:*:repository/a%d"`, i))
		}
		large := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":[` + strings.Join(many, ",") + `]}]}`
		_, err = s.root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: str("ann"), PolicyName: str("large"), PolicyDocument: &large})
		s.refused(err, 409, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user ann")
		list, err := s.root.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: str("ann")})
		s.ok(err)
		equal(t, "policies", strings.Join(list.PolicyNames, " "), "p")
	})
}

// IAM-8, IAM-13, IAM-4: managed policies, of the account and of AWS.
func TestManagedPolicies_IAM8_IAM13(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		s.user("ann", "")
		made, err := s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str("pull"), PolicyDocument: str(pull), Path: str("/ecr/"), Tags: []types.Tag{{Key: str("k"), Value: str("v")}}})
		s.ok(err)
		arn := made.Policy.Arn
		equal(t, "ARN", *arn, "arn:aws:iam::111222333444:policy/ecr/pull")
		_, err = s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str("Pull"), PolicyDocument: str(pull)})
		s.refused(err, 409, "EntityAlreadyExists", "A policy called Pull already exists. Duplicate names are not allowed.")
		_, err = s.root.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: str("arn:aws:iam::111222333444:policy/pull")})
		s.refused(err, 404, "NoSuchEntity", "Policy arn:aws:iam::111222333444:policy/pull was not found.")
		_, err = s.root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: str("ann"), PolicyArn: str("arn:aws:iam::111222333444:policy/none")})
		s.refused(err, 404, "NoSuchEntity", "Policy arn:aws:iam::111222333444:policy/none does not exist or is not attachable.")
		_, err = s.root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: str("ann"), PolicyArn: arn})
		s.ok(err)
		for n := 2; n <= 5; n++ {
			v, err := s.root.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: str(pull), SetAsDefault: n == 3})
			s.ok(err)
			equal(t, "version", *v.PolicyVersion.VersionId, fmt.Sprintf("v%d", n))
		}
		_, err = s.root.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: str(pull)})
		s.refused(err, 409, "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
		_, err = s.root.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: str("v3")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete the default version of a policy.")
		_, err = s.root.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		s.refused(err, 409, "DeleteConflict", "Cannot delete a policy attached to entities.")
		got, err := s.root.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
		s.ok(err)
		equal(t, "default", *got.Policy.DefaultVersionId, "v3")
		equal(t, "attachments", *got.Policy.AttachmentCount, 1)
		equal(t, "tags", len(got.Policy.Tags), 1)
		entities, err := s.root.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn})
		s.ok(err)
		equal(t, "users of it", *entities.PolicyUsers[0].UserName, "ann")
		attached, err := s.root.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: str("ann")})
		s.ok(err)
		equal(t, "attached", *attached.AttachedPolicies[0].PolicyArn, *arn)
		_, err = s.root.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: str("ann"), PolicyArn: arn})
		s.ok(err)
		_, err = s.root.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: str("ann"), PolicyArn: arn})
		s.refused(err, 404, "NoSuchEntity", "Policy arn:aws:iam::111222333444:policy/ecr/pull was not found.")
		_, err = s.root.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		s.refused(err, 409, "DeleteConflict", "This policy has more than one version.…")
		for _, v := range []string{"v1", "v2", "v4", "v5"} {
			_, err = s.root.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: str(v)})
			s.ok(err)
		}
		_, err = s.root.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		s.ok(err)

		aws1, err := s.root.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: str("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"), VersionId: str("v1")})
		s.ok(err)
		if d := decoded(t, aws1.PolicyVersion.Document); !strings.Contains(d, "ecr:BatchImportUpstreamImage") {
			t.Error(d)
		}
		_, err = s.root.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: str("arn:aws:iam::aws:policy/AdministratorAccess")})
		s.refused(err, 400, "InvalidInput", "Policy arn:aws:iam::aws:policy/AdministratorAccess is managed by AWS and cannot be changed.")
		all, err := s.root.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, PathPrefix: str("/service-role/")})
		s.ok(err)
		equal(t, "of AWS under /service-role/", *all.Policies[0].PolicyName, "AmazonECSTaskExecutionRolePolicy")
		local, err := s.root.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal})
		s.ok(err)
		equal(t, "of the account", len(local.Policies), 0)
	})
}

// IAM-9, IAM-4: tags, aliases, the summary.
func TestTagsAndAccount_IAM9(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		s.user("ann", "")
		var tags []types.Tag
		for i := range 50 {
			tags = append(tags, types.Tag{Key: str(fmt.Sprintf("k%02d", i)), Value: str("v")})
		}
		_, err := s.root.TagUser(ctx, &iam.TagUserInput{UserName: str("ann"), Tags: tags})
		s.ok(err)
		_, err = s.root.TagUser(ctx, &iam.TagUserInput{UserName: str("ann"), Tags: []types.Tag{{Key: str("one-more"), Value: str("v")}}})
		s.refused(err, 409, "LimitExceeded", "The number of tags has reached the maximum limit: 50")
		_, err = s.root.TagUser(ctx, &iam.TagUserInput{UserName: str("ann"), Tags: []types.Tag{{Key: str("aws:mine"), Value: str("v")}}})
		s.refused(err, 400, "InvalidInput", "Tag keys beginning with aws: are reserved…")
		_, err = s.root.UntagUser(ctx, &iam.UntagUserInput{UserName: str("ann"), TagKeys: []string{"K00", "never-there"}})
		s.ok(err)
		got, err := s.root.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: str("ann"), MaxItems: aws.Int32(10)})
		s.ok(err)
		equal(t, "first", *got.Tags[0].Key, "k01")
		equal(t, "more", got.IsTruncated, true)

		_, err = s.root.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: str("vendor")})
		s.ok(err)
		aliases, err := s.root.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})
		s.ok(err)
		equal(t, "aliases", strings.Join(aliases.AccountAliases, " "), "vendor")
		_, err = s.root.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: str("vendor")})
		s.ok(err)
		summary, err := s.root.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
		s.ok(err)
		equal(t, "users", summary.SummaryMap["Users"], 1)
		equal(t, "root keys", summary.SummaryMap["AccountAccessKeysPresent"], 1)
	})
}

// API-15: an inactive key is as unknown as one that never was.
func TestKeysCanBeSwitchedOff_API15(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		ann := s.user("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}`)
		keys, err := ann.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
		s.ok(err)
		_, err = ann.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId, Status: types.StatusTypeInactive})
		s.ok(err)
		_, err = ann.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
		s.refused(err, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
		_, err = s.root.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: str("ann"), AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId, Status: types.StatusTypeActive})
		s.ok(err)
		_, err = ann.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
		s.ok(err)
		_, err = s.root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: str("ann"), AccessKeyId: str("AKIAIOSFODNN7EXAMPLE")})
		s.refused(err, 404, "NoSuchEntity", "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.")
	})
}
