package policy

import (
	"fmt"
	"strings"
	"testing"
)

const readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer",
"ecr:GetRepositoryPolicy","ecr:DescribeRepositories","ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy","ecr:GetLifecyclePolicyPreview",
"ecr:ListTagsForResource","ecr:DescribeImageScanFindings"],"Resource":"*"}]}`

const selfService = `{"Version":"2012-10-17","Statement":[
{"Sid":"Own","Effect":"Allow","Action":["iam:ChangePassword","iam:GetUser","iam:*AccessKey*"],"Resource":"arn:aws:iam::*:user/${aws:username}"},
{"Sid":"MFA","Effect":"Deny","NotAction":["iam:*","sts:*","ecr:Get*","ecr:Batch*"],"Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}},
{"Sid":"Logs","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:*:*:log-group:/aws/*"}]}`

const repositoryPolicy = `{"Version":"2008-10-17","Statement":[
{"Sid":"AllowPushPull","Effect":"Allow","Principal":{"AWS":["AIDAVENDORVENDORVENDO","arn:aws:iam::111122223333:role/ci"],"Service":"codebuild.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:PutImage","ecr:InitiateLayerUpload"]},
{"Sid":"Deny unencrypted","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
{"Sid":"Lambda","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:us-east-1:444455556666:function:*"}}},
{"Sid":"Customers","Effect":"Allow","Principal":{"AWS":["222233334444","333344445555","777788889999"]},"Action":["ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"]},
{"Sid":"Admin","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"ecr:*"}]}`

const orgPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"OU","Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],
"Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1b2c3d4e5/*/ou-ab12-11111111/*","o-a1b2c3d4e5/*/ou-ab12-22222222/*"]}}}]}`

// pulls are the decisions that a pull asks for. Organization is the largest: two identity policies, boundary, repository and registry policy, three levels of
// service control policies and three of resource control policies, 28 statements.
func pulls() map[string]struct {
	r *Request
	s *Set
} {
	context := values{
		"aws:securetransport": one("true"), "aws:username": one("eve"), "aws:principalorgpaths": many("o-a1b2c3d4e5/r-ab12/ou-ab12-99999999/ou-ab12-22222222/"),
		"aws:sourceip": one("203.0.113.9"), "aws:currenttime": one("2026-05-06T07:08:09Z"), "aws:multifactorauthage": one("17"), "aws:principalarn": one("arn:aws:iam::777788889999:user/eve"),
	}
	identity := docs(readOnly, selfService)
	type pull = struct {
		r *Request
		s *Set
	}
	cross, org, registry := doc(repositoryPolicy), doc(orgPolicy), doc(strings.Replace(repositoryPolicy, `"Action"`, `"Resource":"arn:aws:ecr:us-east-1:111122223333:repository/*","Action"`, -1))
	eve := callers()["stranger"]
	request := func(account string) *Request {
		return &Request{Principal: eve, Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:us-east-1:" + account + ":repository/team/app", ResourceAccount: account, Context: context}
	}
	guard := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":["ecr:DeleteRepository","iam:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}}}]}`
	rcp := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"},"NumericGreaterThan":{"aws:MultiFactorAuthAge":"3600"}}}]}`
	var levels, controls []Level
	for range 3 {
		levels, controls = append(levels, Level{Policies: docs(guard)}), append(controls, Level{Policies: docs(rcp)})
	}
	return map[string]pull{
		"SameAccount":  {request("777788889999"), &Set{Identity: identity}},
		"CrossAccount": {request("111122223333"), &Set{Identity: identity, Resource: &cross}},
		"OrgPaths":     {request("111122223333"), &Set{Identity: identity, Resource: &org}},
		"Organization": {request("111122223333"), &Set{Identity: identity, Resource: &cross, Registry: &registry, Boundary: docs(guard), HasBoundary: true, SCP: levels, RCP: controls}},
	}
}

// A decision allocates nothing, whatever it meets: values of every type, variables, explicit and implicit denies.
func TestEvaluateAllocatesNothing(t *testing.T) {
	var b strings.Builder
	for i, row := range readTable(t, "conditions.txt", 5) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"arn:aws:ecr:*:*:repository/${aws:username}","Condition":{%q:{"aws:x":%s}}}`, row[1], row[2])
	}
	all := docs(`{"Version":"2012-10-17","Statement":[` + b.String() + `]}`)
	cases := pulls()
	for _, x := range []string{"ann", "10", "2026-01-02T03:04:05Z", "true", "QmluYXI=", "203.0.113.9", "2001:db8::1", "arn:aws:sns:us-east-1:111122223333:topic"} {
		p := cases["SameAccount"]
		r := *p.r
		r.Resource = "arn:aws:ecr:us-east-1:777788889999:repository/ann"
		r.Context = values{"aws:x": one(x), "aws:username": one("ann"), "aws:arn": one("arn:aws:iam::111122223333:role/r")}
		p.r, p.s = &r, &Set{Identity: all}
		cases["all operators, "+x] = p
	}
	for name, c := range cases {
		if n := testing.AllocsPerRun(100, func() { Evaluate(c.r, c.s) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, name := range []string{"SameAccount", "CrossAccount", "OrgPaths", "Organization"} {
		if d := Evaluate(cases[name].r, cases[name].s); !d.Allowed {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func BenchmarkPull(b *testing.B) {
	for _, name := range []string{"SameAccount", "CrossAccount", "OrgPaths", "Organization"} {
		c := pulls()[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(c.r, c.s)
			}
		})
	}
}

func BenchmarkStatements(b *testing.B) {
	for _, count := range []int{3, 30, 300} {
		var list []string
		for i := range count {
			list = append(list, fmt.Sprintf(`{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:PutImage"],"Resource":"arn:aws:ecr:us-east-1:111122223333:repository/team-%d/*"}`, i))
		}
		s := &Set{Identity: docs(`{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`)}
		r := &Request{Principal: callers()["user"], Action: "ecr:BatchGetImage", Resource: fmt.Sprintf("arn:aws:ecr:us-east-1:111122223333:repository/team-%d/app", count-1)}
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(r, s)
			}
		})
	}
}

// Explain is at most ten times the decision: compare with BenchmarkPull.
func BenchmarkExplain(b *testing.B) {
	for _, name := range []string{"SameAccount", "CrossAccount", "OrgPaths", "Organization"} {
		c := pulls()[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Explain(c.r, c.s)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse([]byte(repositoryPolicy)); err != nil {
			b.Fatal(err)
		}
	}
}
