package organizations_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"
)

const (
	scp = types.PolicyTypeServiceControlPolicy
	rcp = types.PolicyTypeResourceControlPolicy
	tag = types.PolicyTypeTagPolicy

	noDelete = `{"Version":"2012-10-17","Statement":[{"Sid":"Keep","Effect":"Deny","Action":"ecr:DeleteRepository","Resource":"*"}]}`
)

// governed is a site with what tests of policies ask of it.
type governed struct{ *site }

func govern(t *testing.T) *governed { return &governed{newSite(t)} }

// refused asserts the code and the message of an error as the client saw it, and its Reason if it has one: "Code/REASON".
func (g *governed) refused(err error, code, message string) {
	g.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		g.Errorf("got %v, want %s", err, code)
		return
	}
	got := e.ErrorCode()
	var violation *types.ConstraintViolationException
	var invalid *types.InvalidInputException
	if errors.As(err, &violation) {
		got += "/" + string(violation.Reason)
	} else if errors.As(err, &invalid) {
		got += "/" + string(invalid.Reason)
	}
	text, open := strings.CutSuffix(message, "…")
	if got != code || e.ErrorMessage() != message && !(open && strings.HasPrefix(e.ErrorMessage(), text)) {
		g.Errorf("got %s %q\nwant %s %q", got, e.ErrorMessage(), code, message)
	}
}

func (g *governed) equal(what string, got, want any) {
	g.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		g.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (g *governed) policy(kind types.PolicyType, name, content string) string {
	g.Helper()
	p, err := g.c.CreatePolicy(g.Context(), &organizations.CreatePolicyInput{Name: &name, Description: aws.String("d"), Content: &content, Type: kind})
	g.must(err)
	return *p.Policy.PolicySummary.Id
}

func (g *governed) enable(kind types.PolicyType) {
	g.Helper()
	_, err := g.c.EnablePolicyType(g.Context(), &organizations.EnablePolicyTypeInput{RootId: &g.root, PolicyType: kind})
	g.must(err)
}

func (g *governed) attach(policy, target string) error {
	_, err := g.c.AttachPolicy(g.Context(), &organizations.AttachPolicyInput{PolicyId: &policy, TargetId: &target})
	return err
}

func (g *governed) detach(policy, target string) error {
	_, err := g.c.DetachPolicy(g.Context(), &organizations.DetachPolicyInput{PolicyId: &policy, TargetId: &target})
	return err
}

// on are the ids of the policies that hang on target itself.
func (g *governed) on(target string, kind types.PolicyType) string {
	g.Helper()
	out, err := g.c.ListPoliciesForTarget(g.Context(), &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: kind})
	g.must(err)
	var ids []string
	for _, p := range out.Policies {
		ids = append(ids, *p.Id)
	}
	return strings.Join(ids, " ")
}

// ORG-2, ORG-3, ORG-18, ORG-20: a policy from its making to its end, by the AWS client.
func TestPolicies_ORG18(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	made, err := g.c.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("keep"), Description: aws.String("Nothing is deleted"), Content: aws.String(noDelete), Type: scp, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	})
	g.must(err)
	p := made.Policy.PolicySummary
	g.equal("ARN", *p.Arn, "arn:aws:organizations::111222333444:policy/"+g.id+"/service_control_policy/"+*p.Id)
	if id := *p.Id; !strings.HasPrefix(id, "p-") || len(id) != 10 || p.AwsManaged || *p.Name != "keep" || *p.Description != "Nothing is deleted" || p.Type != scp {
		t.Errorf("made %+v", p)
	}
	g.equal("content", *made.Policy.Content, noDelete)

	_, err = g.c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: aws.String("keep"), Description: aws.String(""), Content: aws.String(noDelete), Type: scp})
	g.refused(err, "DuplicatePolicyException", "A policy with the same name already exists.")
	_, err = g.c.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: aws.String("FullAWSAccess"), Description: aws.String(""), Content: aws.String(noDelete), Type: scp})
	g.refused(err, "DuplicatePolicyException", "A policy with the same name already exists.")
	g.policy(tag, "keep", `{"tags":{}}`) // names are of their type

	got, err := g.c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: p.Id})
	g.must(err)
	g.equal("content read", *got.Policy.Content, noDelete)
	updated, err := g.c.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: p.Id, Name: aws.String("kept"), Description: aws.String("")})
	g.must(err)
	g.equal("updated", *updated.Policy.PolicySummary.Name+"|"+*updated.Policy.PolicySummary.Description+"|"+*updated.Policy.Content, "kept||"+noDelete)

	const missing = "We can't find a policy with the PolicyId that you specified."
	_, err = g.c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String("p-00000000")})
	g.refused(err, "PolicyNotFoundException", missing)
	_, err = g.c.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: aws.String("p-00000000")})
	g.refused(err, "PolicyNotFoundException", missing)
	_, err = g.c.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: aws.String("p-00000000")})
	g.refused(err, "PolicyNotFoundException", missing)
	g.refused(g.attach("p-00000000", g.root), "PolicyNotFoundException", missing)
	_, err = g.c.ListTargetsForPolicy(ctx, &organizations.ListTargetsForPolicyInput{PolicyId: aws.String("p-00000000")})
	g.refused(err, "PolicyNotFoundException", missing)
	_, err = g.c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String("nonsense")})
	g.refused(err, "InvalidInputException/INVALID_PATTERN", "You provided a value that does not match the required pattern.")

	g.enable(scp)
	g.must(g.attach(*p.Id, g.root))
	_, err = g.c.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: p.Id})
	g.refused(err, "PolicyInUseException", "The policy is attached to one or more entities…")
	g.must(g.detach(*p.Id, g.root))
	_, err = g.c.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: p.Id})
	g.must(err)
	_, err = g.c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: p.Id})
	g.refused(err, "PolicyNotFoundException", missing)
}

// ORG-21: AWS's own policies can be read and attached, and not changed.
func TestPoliciesOfAWS_ORG21(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	for id, kind := range map[string]types.PolicyType{"p-FullAWSAccess": scp, "p-RCPFullAWSAccess": rcp} {
		got, err := g.c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: &id})
		g.must(err)
		p := got.Policy.PolicySummary
		g.equal("ARN", *p.Arn, "arn:aws:organizations::aws:policy/"+strings.ToLower(string(kind))+"/"+id)
		if !p.AwsManaged || p.Type != kind || *p.Name != id[2:] {
			t.Errorf("%+v", p)
		}
		_, err = g.c.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &id, Name: aws.String("mine")})
		g.refused(err, "InvalidInputException/IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")
		_, err = g.c.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: &id})
		g.refused(err, "InvalidInputException/IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")
		list, err := g.c.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: kind})
		g.must(err)
		g.equal("policies", len(list.Policies), 1)
		g.equal("policy", *list.Policies[0].Id, id)

		g.equal("before", g.on(g.root, kind), "")
		g.enable(kind)
		for _, target := range []string{g.root, management} {
			g.equal("on "+target, g.on(target, kind), id)
		}
		_, err = g.c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: &g.root, PolicyType: kind})
		g.refused(err, "PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")
	}
	g.refused(g.detach("p-FullAWSAccess", g.root), "ConstraintViolationException/MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
		"You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.")
	g.refused(g.detach("p-RCPFullAWSAccess", g.root), "InvalidInputException/NON_DETACHABLE_POLICY", "You can't detach this AWS managed policy.")
	g.equal("still there", g.on(g.root, scp)+" "+g.on(g.root, rcp), "p-FullAWSAccess p-RCPFullAWSAccess")
	g.must(g.attach(g.policy(scp, "keep", noDelete), g.root))
	g.must(g.detach("p-FullAWSAccess", g.root)) // another one stays
}

// ORG-11, ORG-20: what is attached to what, and the errors of it.
func TestAttachments_ORG20(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	keep := g.policy(scp, "keep", noDelete)
	g.refused(g.attach(keep, g.root), "PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
	_, err := g.c.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &g.root, PolicyType: scp})
	g.refused(err, "PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
	_, err = g.c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: aws.String("r-0000"), PolicyType: scp})
	g.refused(err, "RootNotFoundException", "You specified a root that doesn't exist.")
	enabled, err := g.c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: &g.root, PolicyType: scp})
	g.must(err)
	g.equal("root", *enabled.Root.Id+" "+*enabled.Root.Name, g.root+" Root")
	g.equal("types", enabled.Root.PolicyTypes, []types.PolicyTypeSummary{{Type: scp, Status: types.PolicyTypeStatusEnabled}})
	roots, err := g.c.ListRoots(ctx, &organizations.ListRootsInput{})
	g.must(err)
	g.equal("types of the root", roots.Roots[0].PolicyTypes, enabled.Root.PolicyTypes)

	g.must(g.attach(keep, g.root))
	g.refused(g.attach(keep, g.root), "DuplicatePolicyAttachmentException", "The selected policy is already attached to the specified target.")
	for _, target := range []string{"ou-" + g.root[2:] + "-00000000", "r-0000", "999999999999"} {
		g.refused(g.attach(keep, target), "TargetNotFoundException", "You specified a target that doesn't exist.")
		g.refused(g.detach(keep, target), "TargetNotFoundException", "You specified a target that doesn't exist.")
		_, err := g.c.ListPoliciesForTarget(ctx, &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: scp})
		g.refused(err, "TargetNotFoundException", "You specified a target that doesn't exist.")
	}
	g.refused(g.detach(keep, management), "PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.")
	g.must(g.attach(keep, management))
	targets, err := g.c.ListTargetsForPolicy(ctx, &organizations.ListTargetsForPolicyInput{PolicyId: &keep})
	g.must(err)
	g.equal("targets", len(targets.Targets), 2)
	g.equal("account", *targets.Targets[0].TargetId+" "+*targets.Targets[0].Arn+" "+string(targets.Targets[0].Type),
		"111222333444 arn:aws:organizations::111222333444:account/"+g.id+"/111222333444 ACCOUNT")
	g.equal("root", *targets.Targets[1].TargetId+" "+*targets.Targets[1].Name+" "+string(targets.Targets[1].Type), g.root+" Root ROOT")

	for i := range 3 { // FullAWSAccess counts
		g.must(g.attach(g.policy(scp, fmt.Sprint("more ", i), noDelete), g.root))
	}
	g.refused(g.attach(g.policy(scp, "too many", noDelete), g.root), "ConstraintViolationException/MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
		"You have attached the maximum number of policies to the specified target.")

	disabled, err := g.c.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &g.root, PolicyType: scp})
	g.must(err)
	g.equal("types", len(disabled.Root.PolicyTypes), 0)
	g.equal("on the root", g.on(g.root, scp), "")
	g.enable(scp)
	g.equal("on the root again", g.on(g.root, scp), "p-FullAWSAccess")
}

// ORG-25: lists are paged, and a token continues only its own list.
func TestPolicyListsArePaged_ORG25(t *testing.T) {
	g := govern(t)
	ctx := t.Context()
	for i := range 24 {
		g.policy(scp, fmt.Sprint("policy ", i), noDelete)
	}
	seen := map[string]bool{}
	pages := organizations.NewListPoliciesPaginator(g.c, &organizations.ListPoliciesInput{Filter: scp, MaxResults: aws.Int32(7)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		g.must(err)
		if len(page.Policies) > 7 {
			t.Errorf("a page of %d", len(page.Policies))
		}
		for _, p := range page.Policies {
			if seen[*p.Id] {
				t.Errorf("%s twice", *p.Id)
			}
			seen[*p.Id] = true
		}
	}
	g.equal("policies", len(seen), 25)
	first, err := g.c.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: scp})
	g.must(err)
	g.equal("without a size", len(first.Policies), 20)
	_, err = g.c.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: rcp, NextToken: first.NextToken})
	g.refused(err, "InvalidInputException/INVALID_NEXT_TOKEN", "You provided an invalid NextToken.")
}

// ORG-19, ORG-20, IAMP-6.4: documents that AWS refuses are refused with its text and the place that it is about.
func TestDocumentsOfPolicies_ORG20(t *testing.T) {
	g := govern(t)
	const refusal = "The provided policy document does not meet the requirements of the specified policy type."
	for _, c := range []struct {
		kind             types.PolicyType
		content, message string
	}{
		{scp, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`, " (line 1, column 67: A policy of this type has no Principal…"},
		{scp, "{\n\"Version\":\"2012-10-17\",\n\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"ecr:*\",\"Resource\":\"*\"},]}", " (line 3…"},
		{scp, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ecr:*"}]}`, " (line 1, column 38: The statement has neither Resource nor NotResource; add…"},
		{scp, `nonsense`, " (line 1…"},
		{rcp, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}]}`, " (line 1, column 48: The Effect must be Deny in a resource control policy.)"},
		{rcp, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"111222333444"},"Action":"ecr:*","Resource":"*"}]}`, " (line 1, column 67…"},
		{rcp, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`, " (line 1, column 80…"},
		{rcp, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","NotAction":"ecr:*","Resource":"*"}]}`, " (line 1…"},
		{rcp, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"organizations:*","Resource":"*"}]}`, " (line 1, column 80: The service organizations takes no part in resource control policies.)"},
		{tag, `[]`, ""},
		{tag, `{"tags":`, ""},
	} {
		_, err := g.c.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Name: aws.String("x"), Description: aws.String(""), Content: &c.content, Type: c.kind})
		g.refused(err, "MalformedPolicyDocumentException", refusal+c.message)
	}
	long := func(n int) *string {
		head, tail := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ecr:PutImage","Resource":"*"}]`, `}`
		return aws.String(head + strings.Repeat(" ", n-len(head)-len(tail)) + tail)
	}
	_, err := g.c.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Name: aws.String("long"), Description: aws.String(""), Content: long(5120), Type: scp})
	g.must(err)
	_, err = g.c.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Name: aws.String("longer"), Description: aws.String(""), Content: long(5121), Type: scp})
	g.refused(err, "ConstraintViolationException/POLICY_CONTENT_LIMIT_EXCEEDED", "The policy has 5121 characters…")
	id := g.policy(scp, "good", noDelete)
	_, err = g.c.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &id, Content: aws.String(`{}`)})
	g.refused(err, "MalformedPolicyDocumentException", refusal+"…")
	g.policy(scp, "full language", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"iam:*","Resource":"arn:aws:ecr:*:*:repository/a*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}}`)
}
