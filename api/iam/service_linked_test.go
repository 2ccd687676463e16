package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	directory "github.com/berth-registry/berth/identity/iam"
)

// IAM-12: the roles of services: made by their service's name, tagged and described by users, and changed by nobody.
func TestServiceLinkedRoles_IAM12(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		for service, want := range map[string][2]string{
			"replication.ecr.amazonaws.com":      {"AWSServiceRoleForECRReplication", "ECRReplicationServiceRolePolicy"},
			"pullthroughcache.ecr.amazonaws.com": {"AWSServiceRoleForECRPullThroughCache", "AWSECRPullThroughCache_ServiceRolePolicy"},
			"ecr.amazonaws.com":                  {"AWSServiceRoleForECRTemplate", "ECRTemplateServiceRolePolicy"},
			"organizations.amazonaws.com":        {"AWSServiceRoleForOrganizations", "AWSOrganizationsServiceTrustPolicy"},
		} {
			_, err := s.root.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service, CustomSuffix: str("mine")})
			s.refused(err, 400, "InvalidInput", "Custom suffix is not allowed for "+service)
			made, err := s.root.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service, Description: str("ours")})
			s.ok(err)
			equal(t, "ARN", *made.Role.Arn, "arn:aws:iam::111222333444:role/aws-service-role/"+service+"/"+want[0])
			equal(t, "trust", decoded(t, made.Role.AssumeRolePolicyDocument), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"`+service+`"},"Action":"sts:AssumeRole"}]}`)
			_, err = s.root.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service})
			s.refused(err, 400, "InvalidInput", "Service role name "+want[0]+" has been taken in this account, please try a different suffix.")
			attached, err := s.root.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &want[0]})
			s.ok(err)
			equal(t, "policy", *attached.AttachedPolicies[0].PolicyArn, "arn:aws:iam::aws:policy/aws-service-role/"+want[1])
		}
		_, err := s.root.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: str("toaster.amazonaws.com")})
		s.refused(err, 400, "InvalidInput", "Service toaster.amazonaws.com has no service-linked role here…")

		role := str("AWSServiceRoleForECRReplication")
		for name, err := range map[string]error{
			"delete":   second(s.root.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role})),
			"attach":   second(s.root.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: str("arn:aws:iam::aws:policy/AdministratorAccess")})),
			"detach":   second(s.root.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: role, PolicyArn: str("arn:aws:iam::aws:policy/aws-service-role/ECRReplicationServiceRolePolicy")})),
			"inline":   second(s.root.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: str("p"), PolicyDocument: str(pull)})),
			"trust":    second(s.root.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: role, PolicyDocument: str(machines)})),
			"boundary": second(s.root.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: role, PermissionsBoundary: str("arn:aws:iam::aws:policy/AdministratorAccess")})),
			"session":  second(s.root.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: role, MaxSessionDuration: aws.Int32(7200)})),
		} {
			t.Log(name)
			s.refused(err, 400, "UnmodifiableEntity", "Cannot perform the operation on the protected role 'AWSServiceRoleForECRReplication' - this role is only modifiable by AWS")
		}
		_, err = s.root.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: role, Description: str("copies images")})
		s.ok(err)
		_, err = s.root.TagRole(ctx, &iam.TagRoleInput{RoleName: role, Tags: []types.Tag{{Key: str("k"), Value: str("v")}}})
		s.ok(err)
		_, err = s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("fake"), Path: str("/aws-service-role/ecr.amazonaws.com/"), AssumeRolePolicyDocument: str(machines)})
		s.refused(err, 400, "InvalidInput", "Roles with the path /aws-service-role/…")

		gone, err := s.root.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: role})
		s.ok(err)
		if !strings.HasPrefix(*gone.DeletionTaskId, "task/aws-service-role/replication.ecr.amazonaws.com/AWSServiceRoleForECRReplication/") {
			t.Error(*gone.DeletionTaskId)
		}
		status, err := s.root.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: gone.DeletionTaskId})
		s.ok(err)
		equal(t, "deletion", status.Status, types.DeletionTaskStatusTypeSucceeded)
		_, err = s.root.GetRole(ctx, &iam.GetRoleInput{RoleName: role})
		s.refused(err, 404, "NoSuchEntity", "The role with name AWSServiceRoleForECRReplication cannot be found.")
		_, err = s.root.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: str("task/aws-service-role/ecr.amazonaws.com/AWSServiceRoleForECRTemplate/AAAA")})
		s.refused(err, 404, "NoSuchEntity", "The deletion task task/aws-service-role/ecr.amazonaws.com/AWSServiceRoleForECRTemplate/AAAA cannot be found.")
		_, err = s.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: str("own"), AssumeRolePolicyDocument: str(machines)})
		s.ok(err)
		_, err = s.root.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: str("own")})
		s.refused(err, 404, "NoSuchEntity", "The role with name own cannot be found.")
	})
}

// IAM-12: iam:AWSServiceName says which service's role a user may make.
func TestServiceLinkedRolesByService_IAM12(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		ann := s.user("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"replication.ecr.amazonaws.com"}}}}`)
		_, err := ann.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: str("ecr.amazonaws.com")})
		s.refused(err, 403, "AccessDenied", "User: arn:aws:iam::111222333444:user/ann is not authorized to perform: iam:CreateServiceLinkedRole on resource: arn:aws:iam::111222333444:role/aws-service-role/ecr.amazonaws.com/AWSServiceRoleForECRTemplate because…")
		_, err = ann.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: str("replication.ecr.amazonaws.com")})
		s.ok(err)
	})
}

// IAM-12: a role that its service needs stays, and the deletion's status says why.
func TestNeededServiceLinkedRolesStay_IAM12(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		s.directory.Govern(memberOfOne)
		_, err := s.root.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: str(directory.OrganizationsService)})
		s.ok(err)
		task, err := s.root.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: str("AWSServiceRoleForOrganizations")})
		s.ok(err)
		status, err := s.root.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task.DeletionTaskId})
		s.ok(err)
		equal(t, "deletion", status.Status, types.DeletionTaskStatusTypeFailed)
		equal(t, "reason", *status.Reason.Reason, "The account is in an organization, which needs the role.")
		_, err = s.root.GetRole(ctx, &iam.GetRoleInput{RoleName: str("AWSServiceRoleForOrganizations")})
		s.ok(err)
	})
}

// What berth has none of is listed as empty to whoever may ask, so that tools which empty a user before they delete it come through.
func TestListsOfWhatIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		s.user("ann", "")
		for _, user := range []string{"ann", "bob"} {
			for name, err := range map[string]error{
				"MFA devices":  second(s.root.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: &user})),
				"SSH keys":     second(s.root.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: &user})),
				"certificates": second(s.root.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: &user})),
				"credentials":  second(s.root.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: &user})),
			} {
				t.Log(name)
				if user == "ann" {
					s.ok(err)
				} else {
					s.refused(err, 404, "NoSuchEntity", "The user with name bob cannot be found.")
				}
			}
		}
		devices, err := s.root.ListMFADevices(ctx, &iam.ListMFADevicesInput{})
		s.ok(err)
		equal(t, "MFA devices of the caller", len(devices.MFADevices), 0)
		_, err = s.root.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{})
		s.ok(err)
		_, err = s.root.ListServerCertificates(ctx, &iam.ListServerCertificatesInput{})
		s.ok(err)
		_, err = s.root.ListSAMLProviders(ctx, &iam.ListSAMLProvidersInput{})
		s.ok(err)
	})
}
