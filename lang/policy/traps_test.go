package policy

import (
	"fmt"
	"strings"
	"testing"
)

// The traps of published guides: what people paste, with the answer that AWS gives or, where AWS gives none, a better one. Those about templates, hosts and
// the command line are tested where those are.

// Traps 1, 2, 3, 5, 9, 13, 16, 21, 23, 30, 36, 37: is it stored, and what is said of it?
func TestTrapsWhenStored(t *testing.T) {
	pull := func(rest string) string {
		return `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": ["ecr:BatchGetImage"]` + rest + `}]}`
	}
	for _, c := range []struct {
		trap     string
		kind     Kind
		document string
		refusal  string
		finding  string // the first: code, path, line:column, hint
	}{
		{"1 trailing comma", Repository, "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": \"*\",\n  \"Action\": [\n    \"ecr:BatchGetImage\",\n  ]}]}",
			"Invalid repository policy provided", "JSON_SYNTAX_ERROR  3:24 remove the comma"},
		{"1 trailing comma", Identity, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ecr:BatchGetImage",], "Resource": "*"}]}`, textSyntax, "JSON_SYNTAX_ERROR  1:91 remove the comma"},
		{"2 Resource in a repository policy", Repository, pull(`, "Resource": "arn:aws:ecr:us-east-1:111122223333:repository/app"`), "", "REDUNDANT_RESOURCE Statement[0].Resource 1:162 remove it"},
		{"2 a registry policy needs Resource", Registry, pull(""), "Invalid registry policy provided", `MISSING_RESOURCE Statement[0] 1:41 add "Resource": "*"`},
		{"2 the scope V1 takes three actions", RegistryV1, pull(`, "Resource": "*"`), "Invalid registry policy provided",
			"UNSUPPORTED_ACTION_IN_POLICY Statement[0].Action[0] 1:128 set the account setting REGISTRY_POLICY_SCOPE to V2"},
		{"2 the scope V1 takes wildcards over them", RegistryV1, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":["ecr:*","ecr:Replicate*","ecr:createrepository"],"Resource":"*"}]}`, "", ""},
		{"3 the same action twice", Repository, strings.Replace(pull(""), `["`, `["ecr:DescribeImages", "ecr:DescribeImages", "`, 1), "", "REDUNDANT_ACTION Statement[0].Action[1] 1:150 remove one of them"},
		{"4 a placeholder in the ARN", Identity, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "arn:aws:ecr:<region>:<account>:repository/app"}]}`, "",
			"INVALID_ARN_REGION Statement[0].Resource 1:92 "},
		{"5 typographic quotes", Repository, "{\n  “Version”: \"2012-10-17\"}", "Invalid repository policy provided", "JSON_SYNTAX_ERROR  2:3 typographic quote “: write a plain \" instead"},
		{"18 YAML out of a template", Identity, "Version: '2012-10-17'\nStatement: []", textSyntax, "JSON_SYNTAX_ERROR  1:1 this looks like YAML: write the policy as JSON"},
		{"5 typographic quotes in a trust policy", Trust, "{\"Version\": ”2012-10-17”}", "This policy contains invalid Json", "JSON_SYNTAX_ERROR  1:13 typographic quote ”: write a plain \" instead"},
		{"9 Version as a date of YAML", Repository, strings.Replace(pull(""), "2012-10-17", "2012-10-17T00:00:00Z", 1), "Invalid repository policy provided", "INVALID_VERSION Version 1:13 write 2012-10-17"},
		{"13 aws:sourceArn", Repository, pull(`, "Condition": {"StringLike": {"aws:sourceArn": "arn:aws:lambda:us-east-1:444455556666:function:*"}}`), "", ""},
		{"16 ecr:getRepositoryPolicy", Repository, strings.Replace(pull(""), `["`, `["ecr:getRepositoryPolicy", "`, 1), "", ""},
		{"21 GetAuthorizationToken in a repository policy", Repository, strings.Replace(pull(""), `["`, `["ecr:GetAuthorizationToken", "`, 1), "",
			"UNSUPPORTED_ACTION_IN_POLICY Statement[0].Action[0] 1:128 allow it in an identity policy of the caller"},
		{"22 an account id that lost its zero", Repository, strings.Replace(pull(""), `"arn:aws:iam::444455556666:root"`, "44455556666", 1), "Invalid repository policy provided",
			"DATA_TYPE_MISMATCH Statement[0].Principal.AWS 1:82 write it in double quotes"},
		{"23 Service and AWS in one Principal", Repository, strings.Replace(pull(""), `{"AWS"`, `{"Service": "codebuild.amazonaws.com", "AWS"`, 1), "",
			"RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL Statement[0].Principal 1:74 add a condition on aws:SourceArn, aws:SourceAccount or aws:SourceOrgID"},
		{"30 a trust policy without Version", Trust, `{"Statement": [{"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`, "", `MISSING_VERSION  1:1 add "Version": "2012-10-17"`},
		{"36 2008-10-17", Repository, strings.Replace(pull(""), "2012-10-17", "2008-10-17", 1), "", ""},
		{"37 bare account ids", Repository, strings.Replace(pull(""), `"arn:aws:iam::444455556666:root"`, `["444455556666", "012345678901"]`, 1), "", ""},
	} {
		text, _ := Refuse([]byte(c.document), c.kind)
		got := ""
		if found := Validate([]byte(c.document), c.kind); len(found) > 0 {
			got = fmt.Sprintf("%s %s %d:%d %s", found[0].Code, found[0].Path, found[0].Line, found[0].Column, found[0].Hint)
		}
		if text != c.refusal || got != c.finding {
			t.Errorf("trap %s:\n got %q %q\nwant %q %q", c.trap, text, got, c.refusal, c.finding)
		}
	}
}

// Traps 4 and 8: paths of organizations, with r-… given or *, for the unit itself, below it, beside it, at the root, and outside.
func TestTrapsOfPaths(t *testing.T) {
	member := func(path string) values {
		return values{"aws:principalorgpaths": many(path), "aws:principalorgid": one(strings.SplitN(path, "/", 2)[0])}
	}
	for _, c := range []struct {
		pattern string
		context values
		want    bool
	}{
		{"o-a/*/ou-x/*", member("o-a/r-1/ou-x/"), true},
		{"o-a/*/ou-x/*", member("o-a/r-1/ou-x/ou-y/ou-z/"), true},
		{"o-a/*/ou-x/*", member("o-a/r-1/ou-w/ou-x/"), true},
		{"o-a/*/ou-x/*", member("o-a/r-1/ou-w/"), false},
		{"o-a/*/ou-x/*", member("o-a/r-1/ou-xx/"), false},
		{"o-a/*/ou-x/*", member("o-a/r-1/"), false},
		{"o-a/*/ou-x/*", member("o-b/r-1/ou-x/"), false},
		{"o-a/*/ou-x/*", values{}, false},
		{"o-a/r-1/ou-x/*", member("o-a/r-1/ou-x/"), true},
		{"o-a/r-1/ou-x/*", member("o-a/r-2/ou-x/"), false},
		{"o-a/r-1/ou-x/*", member("o-a/r-1/ou-w/ou-x/"), false},
		{"o-a/r-1/ou-x/ou-*", member("o-a/r-1/ou-x/"), false},
		{"o-a/r-1/ou-x/ou-*", member("o-a/r-1/ou-x/ou-y/"), true},
		{"o-a/*", member("o-a/r-1/"), true},
		{"o-<placeholder>/*", member("o-a/r-1/"), false},
	} {
		share := doc(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":[%q]}}}]}`, c.pattern))
		r := &Request{Principal: callers()["stranger"], Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333", Context: c.context}
		if d := Evaluate(r, &Set{Identity: docs(allowPull), Resource: &share}); d.Allowed != c.want {
			t.Errorf("%s for %v: %+v", c.pattern, c.context, d)
		}
	}
}

// Traps 13 to 16, 19, 21, 23, 30, 36, 37: what is decided.
func TestTrapsWhenDecided(t *testing.T) {
	lambda := func(operator, arn string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:getRepositoryPolicy"],"Condition":{%q:{"aws:sourceArn":%q}}}]}`, operator, arn)
	}
	call := func(arn string) values { return values{"aws:sourcearn": one(arn)} }
	function := &Principal{Type: Service, ARN: "lambda.amazonaws.com"}
	role := func(name string) *Principal {
		return &Principal{Type: AssumedRole, ARN: "arn:aws:sts::444455556666:assumed-role/" + name + "/task", Account: "444455556666", RoleARN: "arn:aws:iam::444455556666:role/" + name}
	}
	const production = "arn:aws:lambda:us-east-1:444455556666:function:app"
	variable := func(version string) string {
		return `{` + version + `"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"${aws:ResourceTag/team}"}}}]}`
	}
	tags := values{"aws:principaltag/team": one("blue"), "aws:resourcetag/team": one("blue")}
	mixed := `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com","AWS":["444455556666","arn:aws:iam::555566667777:role/execution"]},"Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage"]}]}`
	for _, c := range []struct {
		trap    string
		caller  *Principal
		policy  string
		action  string
		context values
		want    bool
	}{
		{"13 keys in any case", function, lambda("StringLike", production+"*"), "", call(production), true},
		{"14 the account of the pipeline instead of production", function, lambda("StringLike", "arn:aws:lambda:us-east-1:111122223333:function:*"), "", call(production), false},
		{"15 one function by StringEquals", function, lambda("StringEquals", production), "", call(production), true},
		{"15 a wildcard under StringEquals is none", function, lambda("StringEquals", "arn:aws:lambda:us-east-1:444455556666:function:*"), "", call(production), false},
		{"15 all functions by StringLike", function, lambda("StringLike", "arn:aws:lambda:us-east-1:444455556666:function:*"), "", call(production), true},
		{"15 all functions by ArnLike", function, lambda("ArnLike", "arn:aws:lambda:us-east-1:444455556666:function:*"), "", call(production + ":alias"), true},
		{"16 actions in any case", function, lambda("StringLike", "*"), "ecr:GetRepositoryPolicy", call(production), true},
		{"19 the task role does not pull", role("task"), grantTo(`{"AWS":"arn:aws:iam::444455556666:role/execution"}`), "", nil, false},
		{"19 the execution role does", role("execution"), grantTo(`{"AWS":"arn:aws:iam::444455556666:role/execution"}`), "", nil, true},
		{"21 GetAuthorizationToken has no effect there", function, mixed, "ecr:GetAuthorizationToken", nil, false},
		{"23 Service or AWS", function, mixed, "", nil, true},
		{"23 Service or AWS", role("any"), mixed, "", nil, true},
		{"23 neither", callers()["stranger"], mixed, "", nil, false},
		{"30 no variables without Version", callers()["stranger"], variable(""), "", tags, false},
		{"36 nor in 2008-10-17", callers()["stranger"], variable(`"Version":"2008-10-17",`), "", tags, false},
		{"30 variables", callers()["stranger"], variable(`"Version":"2012-10-17",`), "", tags, true},
		{"37 account ids in a list", role("any"), mixed, "", nil, true},
	} {
		r := &Request{Principal: c.caller, Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333", Context: c.context}
		if c.action != "" {
			r.Action = c.action
		}
		if r.Action == "ecr:GetAuthorizationToken" {
			r.Resource = "*"
		}
		share := doc(c.policy)
		set := &Set{Identity: docs(allowAll), Resource: &share}
		if d := Evaluate(r, set); d.Allowed != c.want {
			t.Errorf("trap %s: %+v", c.trap, d)
		}
	}
	// Trap 14: both ARNs are shown. Trap 19: the role that pulled is named.
	share := doc(lambda("StringLike", "arn:aws:lambda:us-east-1:111122223333:function:*"))
	r := &Request{Principal: function, Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333", Context: call(production)}
	c := Explain(r, &Set{Resource: &share})[0].Statements[0].Conditions[0]
	if c.Reason != "value_differs" || c.Request[0] != production || c.Values[0].Value != "arn:aws:lambda:us-east-1:111122223333:function:*" {
		t.Errorf("trap 14: %+v", c)
	}
	r = &Request{Principal: role("task"), Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333"}
	if message := Evaluate(r, &Set{Identity: docs(allowAll)}).Message(r); !strings.Contains(message, "assumed-role/task/task") {
		t.Errorf("trap 19: %s", message)
	}
	// Trap 37: order and spelling of a list stay as they were written.
	if p := mustParse(mixed); string(p.Text()) != mixed || p.Principals()[1].Value != "444455556666" {
		t.Errorf("trap 37: %+v", p.Principals())
	}
}
