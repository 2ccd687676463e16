package iam_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	directory "github.com/berth-registry/berth/identity/iam"
	engine "github.com/berth-registry/berth/lang/policy"
)

const repository = "arn:aws:ecr:us-east-1:111222333444:repository/app"

// outcome is a result in one line: the decision, the statements that made it, what is missing.
func outcome(r types.EvaluationResult) string {
	out := string(r.EvalDecision)
	for _, m := range r.MatchedStatements {
		out += fmt.Sprintf(" %s(%s)", *m.SourcePolicyId, m.SourcePolicyType)
	}
	missing := r.MissingContextValues
	for _, s := range r.ResourceSpecificResults {
		missing = append(missing, s.MissingContextValues...)
	}
	if len(missing) > 0 {
		out += " missing " + strings.Join(missing, ",")
	}
	return out
}

func policyOf(effect, action, resource, condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"` + condition + `}]}`
}

// IAM-9: the policies of a user, its groups and its boundary, as they are attached. The places of a statement are those of AWS's simulator.
func TestSimulatePrincipalPolicy_IAM9(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		s.user("ann", policyOf("Allow", "ecr:BatchGetImage", "*", ""))
		_, err := s.root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: str("devs")})
		s.ok(err)
		_, err = s.root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: str("devs"), UserName: str("ann")})
		s.ok(err)
		_, err = s.root.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: str("devs"), PolicyName: str("no"), PolicyDocument: str(policyOf("Deny", "ecr:DeleteRepository", "*", ""))})
		s.ok(err)
		made, err := s.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: str("tagged"), PolicyDocument: str(policyOf("Allow", "ecr:PutImage", "*", `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`))})
		s.ok(err)
		_, err = s.root.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: str("devs"), PolicyArn: made.Policy.Arn})
		s.ok(err)
		simulate := func(in *iam.SimulatePrincipalPolicyInput) []types.EvaluationResult {
			t.Helper()
			if in.PolicySourceArn == nil {
				in.PolicySourceArn = str("arn:aws:iam::111222333444:user/ann")
			}
			out, err := s.root.SimulatePrincipalPolicy(ctx, in)
			s.ok(err)
			return out.EvaluationResults
		}
		got := simulate(&iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecr:BatchGetImage", "ecr:DeleteRepository", "ecr:PutImage"}, ResourceArns: []string{repository}})
		equal(t, "pull", outcome(got[0]), "allowed user_ann_inline(IAM Policy) missing aws:ResourceTag/team")
		equal(t, "delete", outcome(got[1]), "explicitDeny group_devs_no(IAM Policy) missing aws:ResourceTag/team")
		equal(t, "push", outcome(got[2]), "implicitDeny missing aws:ResourceTag/team")
		m := got[0].MatchedStatements[0]
		equal(t, "from", fmt.Sprint(m.StartPosition.Line, m.StartPosition.Column), "1 38")
		equal(t, "to", fmt.Sprint(m.EndPosition.Line, m.EndPosition.Column), fmt.Sprint(1, len(policyOf("Allow", "ecr:BatchGetImage", "*", ""))-1))
		equal(t, "for the resource", got[0].ResourceSpecificResults[0].EvalResourceDecision, types.PolicyEvaluationDecisionTypeAllowed)
		if got[0].OrganizationsDecisionDetail != nil || got[0].PermissionsBoundaryDecisionDetail != nil {
			t.Error("there is neither organization nor boundary")
		}

		// A tag of the user, and one of the resource that the simulation is told.
		_, err = s.root.TagUser(ctx, &iam.TagUserInput{UserName: str("ann"), Tags: []types.Tag{{Key: str("team"), Value: str("blue")}}})
		s.ok(err)
		tag := func(value string) []types.ContextEntry {
			return []types.ContextEntry{{ContextKeyName: str("aws:resourcetag/Team"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{value}}}
		}
		equal(t, "push to the own", outcome(simulate(&iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecr:PutImage"}, ContextEntries: tag("blue")})[0]), "allowed tagged(IAM Policy)")
		equal(t, "push to another's", outcome(simulate(&iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecr:PutImage"}, ContextEntries: tag("red")})[0]), "implicitDeny")
		equal(t, "the group", outcome(simulate(&iam.SimulatePrincipalPolicyInput{PolicySourceArn: str("arn:aws:iam::111222333444:group/devs"), ActionNames: []string{"ecr:DeleteRepository"}, ContextEntries: tag("red")})[0]), "explicitDeny group_devs_no(IAM Policy)")

		// The boundary: the user's own, and another in its place.
		_, err = s.root.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: str("ann"), PermissionsBoundary: str("arn:aws:iam::aws:policy/IAMReadOnlyAccess")})
		s.ok(err)
		got = simulate(&iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecr:BatchGetImage"}})
		equal(t, "within the boundary", outcome(got[0]), "implicitDeny missing aws:ResourceTag/team")
		equal(t, "by the boundary", got[0].PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary, false)
		got = simulate(&iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecr:BatchGetImage"}, PermissionsBoundaryPolicyInputList: []string{policyOf("Allow", "ecr:*", "*", "")}, ContextEntries: tag("red")})
		equal(t, "within another", outcome(got[0]), "allowed user_ann_inline(IAM Policy)")
		equal(t, "by the other", got[0].PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary, true)

		keys, err := s.root.GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: str("arn:aws:iam::111222333444:user/ann"), PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", `,"Condition":{"Bool":{"aws:SecureTransport":"true"}}`)}})
		s.ok(err)
		equal(t, "keys", keys.ContextKeyNames, "[aws:PrincipalTag/team aws:ResourceTag/team aws:SecureTransport]")

		for arn, want := range map[string][3]string{
			"arn:aws:iam::111222333444:user/bob":                {"404", "NoSuchEntity", "The user with name bob cannot be found."},
			"arn:aws:iam::111222333444:user/div/ann":            {"404", "NoSuchEntity", "The user with name ann cannot be found."},
			"arn:aws:iam::999888777666:role/ops":                {"403", "AccessDenied", "User: arn:aws:iam::111222333444:root is not authorized to perform: iam:SimulatePrincipalPolicy on resource: arn:aws:iam::999888777666:role/ops…"},
			"arn:aws:iam::111222333444:root":                    {"400", "InvalidInput", "Invalid Entity Arn: arn:aws:iam::111222333444:root is not the ARN of a user, group or role."},
			"arn:aws:sts::111222333444:assumed-role/ops/s12345": {"400", "InvalidInput", "Invalid Entity Arn: …"},
		} {
			_, err := s.root.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: []string{"ecr:PutImage"}})
			status := 0
			fmt.Sscan(want[0], &status)
			s.refused(err, status, want[1], want[2])
		}
	})
}

// IAM-9: what an organization's policies do to the result, without a word about what they say.
func TestSimulationInAnOrganization_IAM9(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		level, err := engine.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:Get*","iam:*"],"Resource":"*"}]}`))
		s.ok(err)
		s.directory.Govern(func(context.Context, string) (*directory.Membership, error) {
			return &directory.Membership{Organization: "o-berth", Management: "999888777666", Paths: []string{"o-berth/r-root/"}, SCP: []engine.Level{{Target: "r-root", Policies: []engine.Attached{{Name: "few", Policy: level}}}}}, nil
		})
		got, err := s.root.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{
			PolicyInputList: []string{policyOf("Allow", "*", "*", `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-berth"}}`)}, ActionNames: []string{"ecr:GetRepositoryPolicy", "ecr:PutImage"},
		})
		s.ok(err)
		equal(t, "within the SCP", outcome(got.EvaluationResults[0]), "allowed PolicyInputList.1(IAM Policy)")
		equal(t, "allowed by it", got.EvaluationResults[0].OrganizationsDecisionDetail.AllowedByOrganizations, true)
		equal(t, "outside of the SCP", outcome(got.EvaluationResults[1]), "implicitDeny")
		equal(t, "allowed by it", got.EvaluationResults[1].OrganizationsDecisionDetail.AllowedByOrganizations, false)
	})
}

// IAM-9: documents that nobody has yet; resource policies, also across accounts; pages; and what is refused.
func TestSimulateCustomPolicy_IAM9(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		const foreign = "arn:aws:ecr:us-east-1:999888777666:repository/app"
		share := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111222333444:user/new"},"Action":"ecr:BatchGetImage","Resource":"*"}]}`
		for name, c := range map[string]struct {
			in   iam.SimulateCustomPolicyInput
			want string
		}{
			"identity alone":       {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", "")}}, "allowed PolicyInputList.1(IAM Policy)"},
			"a deny in the second": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", ""), policyOf("Deny", "ecr:Batch*", "*", "")}}, "explicitDeny PolicyInputList.2(IAM Policy)"},
			"the resource alone":   {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "s3:*", "*", "")}, ResourcePolicy: &share, CallerArn: str("arn:aws:iam::111222333444:user/new")}, "allowed ResourcePolicy(Resource Policy)"},
			"another's resource, one side": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", "")}, ResourceArns: []string{foreign}, CallerArn: str("arn:aws:iam::111222333444:user/new")},
				"implicitDeny"},
			"another's resource, both sides": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", "")}, ResourceArns: []string{foreign}, ResourcePolicy: &share, CallerArn: str("arn:aws:iam::111222333444:user/new")},
				"allowed ResourcePolicy(Resource Policy) PolicyInputList.1(IAM Policy)"},
			"a key that nobody gave": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)}}, "implicitDeny missing aws:SourceIp"},
			"a key that was given": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)},
				ContextEntries: []types.ContextEntry{{ContextKeyName: str("aws:SourceIp"), ContextKeyType: types.ContextKeyTypeEnumIp, ContextKeyValues: []string{"10.1.2.3"}}}}, "allowed PolicyInputList.1(IAM Policy)"},
			"a list": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:*", "*", `,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`)},
				ContextEntries: []types.ContextEntry{{ContextKeyName: str("aws:TagKeys"), ContextKeyType: types.ContextKeyTypeEnumStringList, ContextKeyValues: []string{"a", "c"}}}}, "implicitDeny"},
		} {
			c.in.ActionNames = []string{"ecr:BatchGetImage"}
			if c.in.ResourceArns == nil {
				c.in.ResourceArns = []string{repository}
			}
			got, err := s.root.SimulateCustomPolicy(ctx, &c.in)
			s.ok(err)
			equal(t, name, outcome(got.EvaluationResults[0]), c.want)
			if strings.HasPrefix(name, "another's") {
				equal(t, name+": identity", got.EvaluationResults[0].EvalDecisionDetails["IAM Policy"], "allowed")
				equal(t, name+": resource", got.EvaluationResults[0].EvalDecisionDetails["Resource Policy"] == "allowed", c.in.ResourcePolicy != nil)
			}
		}

		in := &iam.SimulateCustomPolicyInput{PolicyInputList: []string{policyOf("Allow", "ecr:BatchGetImage", repository, "")}, ActionNames: []string{"ecr:BatchGetImage", "ecr:PutImage"}, ResourceArns: []string{repository, foreign, "*"}, MaxItems: aws.Int32(4)}
		var all string
		pages := iam.NewSimulateCustomPolicyPaginator(s.root, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			s.ok(err)
			for _, r := range page.EvaluationResults {
				all += string(r.EvalDecision)[:1]
			}
			all += "|"
		}
		equal(t, "pages", all, "aiii|ii|")

		for text, in := range map[string]*iam.SimulateCustomPolicyInput{
			"Invalid action name: ecr:*. An action is SERVICE:NAME, without wildcards.": {ActionNames: []string{"ecr:*"}},
			"Invalid resource ARN: app":                                                                   {ResourceArns: []string{"app"}},
			"Invalid policy in PolicyInputList.1: Syntax errors in policy.…":                              {PolicyInputList: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Permit","Action":"*","Resource":"*"}}`}},
			"A CallerArn of a user or role is required if a ResourcePolicy is given.":                     {ResourcePolicy: &share},
			"Invalid Entity Arn: arn:aws:iam::111222333444:root is not the ARN of a user, group or role.": {CallerArn: str("arn:aws:iam::111222333444:root")},
			"Invalid resource owner: me":                                                                  {ResourceOwner: str("me")},
			"PermissionsBoundaryPolicyInputList can hold only one policy.":                                {PermissionsBoundaryPolicyInputList: []string{pull, pull}},
			"Duplicate context key: AWS:sourceip":                                                         {ContextEntries: []types.ContextEntry{entry("aws:SourceIp", "ip", "10.0.0.1"), entry("AWS:sourceip", "ip", "10.0.0.1")}},
			`Invalid value "x" of the context key aws:SourceIp, whose type is ip.`:                        {ContextEntries: []types.ContextEntry{entry("aws:SourceIp", "ip", "x")}},
			"The context key aws:TagKeys has 2 values, which takes the type stringList.":                  {ContextEntries: []types.ContextEntry{entry("aws:TagKeys", "string", "a", "b")}},
		} {
			if in.PolicyInputList == nil {
				in.PolicyInputList = []string{pull}
			}
			if in.ActionNames == nil {
				in.ActionNames = []string{"ecr:BatchGetImage"}
			}
			_, err := s.root.SimulateCustomPolicy(ctx, in)
			s.refused(err, 400, "InvalidInput", text)
		}
		keys, err := s.root.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{pull}})
		s.ok(err)
		equal(t, "keys of a policy without conditions", len(keys.ContextKeyNames), 0)
	})
}

func entry(key, kind string, values ...string) types.ContextEntry {
	return types.ContextEntry{ContextKeyName: &key, ContextKeyType: types.ContextKeyTypeEnum(kind), ContextKeyValues: values}
}
