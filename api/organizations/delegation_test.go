package organizations_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// ORG-22, ORG-24: the security team's account reads the organization once it administers a service for it, and leaves only when it does no more.
func TestDelegatedAdministrator_ORG22(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	security := g.addAccount("security")
	c := g.enter(security).Organizations()
	service := aws.String("guardduty.amazonaws.com")
	_, err := c.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: scp})
	g.refused(err, "AccessDeniedException", noAccess+" (request id: …")
	_, err = g.c.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: service})
	g.must(err)
	_, err = g.c.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: &security, ServicePrincipal: service})
	g.must(err)
	_, err = g.c.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: &security, ServicePrincipal: service})
	g.refused(err, "AccountAlreadyRegisteredException", "The provided account is already a delegated administrator for your organization.")
	_, err = g.c.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: aws.String(management), ServicePrincipal: service})
	g.refused(err, "ConstraintViolationException/CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", "You cannot register master account/yourself as delegated administrator for your organization.")
	_, err = g.c.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: &security, ServicePrincipal: aws.String("nothing.amazonaws.com")})
	g.refused(err, "InvalidInputException/UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")

	administrators, err := c.ListDelegatedAdministrators(ctx, &organizations.ListDelegatedAdministratorsInput{})
	g.must(err)
	a := administrators.DelegatedAdministrators[0]
	g.equal("administrator", *a.Id+" "+*a.Name+" "+*a.Email+" "+string(a.Status)+" "+string(a.JoinedMethod), security+" security security@example.com ACTIVE CREATED")
	g.equal("ARN", *a.Arn, "arn:aws:organizations::111222333444:account/"+g.id+"/"+security)
	if a.DelegationEnabledDate == nil || a.JoinedTimestamp == nil {
		t.Error("no dates")
	}
	services, err := c.ListDelegatedServicesForAccount(ctx, &organizations.ListDelegatedServicesForAccountInput{AccountId: &security})
	g.must(err)
	g.equal("services", *services.DelegatedServices[0].ServicePrincipal, *service)
	access, err := c.ListAWSServiceAccessForOrganization(ctx, &organizations.ListAWSServiceAccessForOrganizationInput{})
	g.must(err)
	g.equal("access", *access.EnabledServicePrincipals[0].ServicePrincipal, *service)
	_, err = c.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: scp})
	g.must(err)
	_, err = c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: aws.String("x"), Description: aws.String(""), Content: aws.String(noDelete), Type: scp})
	g.refused(err, "AccessDeniedException", noAccess+" (request id: …")

	const staying = "You can't remove an account that is a delegated administrator from the organization. Deregister it first."
	_, err = g.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &security})
	g.refused(err, "ConstraintViolationException/CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG", staying)
	_, err = c.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{})
	g.refused(err, "ConstraintViolationException/CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG", staying)
	_, err = g.c.DisableAWSServiceAccess(ctx, &organizations.DisableAWSServiceAccessInput{ServicePrincipal: service})
	g.refused(err, "ConstraintViolationException/DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE", "You must deregister the delegated administrators…")
	_, err = g.c.DeregisterDelegatedAdministrator(ctx, &organizations.DeregisterDelegatedAdministratorInput{AccountId: &security, ServicePrincipal: service})
	g.must(err)
	_, err = g.c.DeregisterDelegatedAdministrator(ctx, &organizations.DeregisterDelegatedAdministratorInput{AccountId: &security, ServicePrincipal: service})
	g.refused(err, "AccountNotRegisteredException", "The provided account is not a registered delegated administrator for your organization.")
	_, err = g.c.DisableAWSServiceAccess(ctx, &organizations.DisableAWSServiceAccessInput{ServicePrincipal: service})
	g.must(err)
	_, err = g.c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: &security})
	g.must(err)
}

// ORG-23: an account that the organization's resource policy names manages policies, as far as it says; both sides must allow it, and the policy shows as it was written.
func TestResourcePolicy_ORG23(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	g.enable(scp)
	security := g.addAccount("security")
	c := g.enter(security).Organizations()
	_, err := g.c.DescribeResourcePolicy(ctx, &organizations.DescribeResourcePolicyInput{})
	g.refused(err, "ResourcePolicyNotFoundException", "We can't find a resource policy…")
	content := `{"Version":"2012-10-17","Statement":[{"Sid":"Guard","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + security + `:role/OrganizationAccountAccessRole"},
		"Action":["organizations:List*","organizations:Describe*","organizations:CreatePolicy","organizations:AttachPolicy"],"Resource":"*",
		"Condition":{"StringLikeIfExists":{"organizations:PolicyType":"SERVICE_CONTROL_POLICY"}}}]}`
	put, err := g.c.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: &content, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
	g.must(err)
	summary := put.ResourcePolicy.ResourcePolicySummary
	g.equal("ARN", *summary.Arn, "arn:aws:organizations::111222333444:resourcepolicy/"+g.id+"/"+*summary.Id)
	got, err := c.DescribeResourcePolicy(ctx, &organizations.DescribeResourcePolicyInput{})
	g.must(err)
	g.equal("content", *got.ResourcePolicy.Content, content)
	tags, err := g.c.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: summary.Id})
	g.must(err)
	g.equal("tags", *tags.Tags[0].Key+"="+*tags.Tags[0].Value, "team=blue")

	made, err := c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: aws.String("keep"), Description: aws.String(""), Content: aws.String(noDelete), Type: scp})
	g.must(err)
	_, err = c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: made.Policy.PolicySummary.Id, TargetId: &security})
	g.must(err)
	_, err = c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: aws.String("guard"), Description: aws.String(""), Content: aws.String(noDelete), Type: rcp})
	g.refused(err, "AccessDeniedException", noAccess+" (request id: …")
	_, err = c.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: made.Policy.PolicySummary.Id, TargetId: &security})
	g.refused(err, "AccessDeniedException", noAccess+" (request id: …")
	_, err = c.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("more"), Email: aws.String("more@example.com")})
	g.refused(err, "AccessDeniedException", noAccess+" (request id: …")
	_, err = c.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: &content})
	g.refused(err, "AccessDeniedException", noAccess+" (request id: …")

	_, err = g.c.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{Content: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + security + `"},"Action":"organizations:CreateAccount","Resource":"*"}]}`)})
	g.refused(err, "InvalidInputException/UNSUPPORTED_ACTION_IN_RESOURCE_POLICY", "You specified an unsupported action in the resource-based policy: organizations:CreateAccount.")
	_, err = g.c.DeleteResourcePolicy(ctx, &organizations.DeleteResourcePolicyInput{})
	g.must(err)
	_, err = c.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: scp})
	g.refused(err, "AccessDeniedException", noAccess+" (request id: …")
}

// ORG-18, ORG-23: what is merged, and tags, by the AWS client.
func TestEffectivePolicyAndTags_ORG18_ORG23(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	_, err := g.c.DescribeEffectivePolicy(ctx, &organizations.DescribeEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy})
	g.refused(err, "EffectivePolicyNotFoundException", "The account doesn't have an effective policy of this type…")
	g.enable(tag)
	g.must(g.attach(g.policy(tag, "teams", `{"tags":{"Team":{"tag_key":{"@@assign":"Team"}}}}`), g.root))
	effective, err := g.c.DescribeEffectivePolicy(ctx, &organizations.DescribeEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy})
	g.must(err)
	e := effective.EffectivePolicy
	g.equal("effective", *e.PolicyContent+" "+*e.TargetId+" "+string(e.PolicyType), `{"tags":{"Team":{"tag_key":"Team"}}} 111222333444 TAG_POLICY`)

	unit := g.addUnit(g.root, "Dev")
	for _, id := range []string{g.root, unit, management, g.policy(scp, "keep", noDelete)} {
		_, err := g.c.TagResource(ctx, &organizations.TagResourceInput{ResourceId: &id, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}})
		g.must(err)
		_, err = g.c.UntagResource(ctx, &organizations.UntagResourceInput{ResourceId: &id, TagKeys: []string{"a"}})
		g.must(err)
		tags, err := g.c.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &id})
		g.must(err)
		g.equal("tags of "+id, len(tags.Tags), 1)
		g.equal("tag", *tags.Tags[0].Key, "b")
	}
	_, err = g.c.TagResource(ctx, &organizations.TagResourceInput{ResourceId: aws.String("999999999999"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}})
	g.refused(err, "TargetNotFoundException", "You specified a target that doesn't exist.")
	_, err = g.c.TagResource(ctx, &organizations.TagResourceInput{ResourceId: &unit, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("a"), Value: aws.String("2")}}})
	g.refused(err, "InvalidInputException/DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags attached to the same entity.")
}
