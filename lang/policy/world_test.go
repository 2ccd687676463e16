package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// world draws documents and requests from a small alphabet, so that they meet.
type world struct{ t *rapid.T }

func (w world) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(w.t, label)
}

func (w world) some(label string, from ...string) any {
	list := rapid.SliceOfN(rapid.SampledFrom(from), 0, 3).Draw(w.t, label)
	if len(list) == 1 && rapid.Bool().Draw(w.t, "bare") {
		return list[0]
	}
	return list
}

func (w world) document(principals bool) string {
	var statements []any
	for range rapid.IntRange(0, 3).Draw(w.t, "statements") {
		s := map[string]any{"Effect": w.pick("effect", "Allow", "Allow", "Allow", "Deny")}
		s[w.pick("action element", "Action", "Action", "Action", "NotAction")] = w.some("actions", "*", "ecr:*", "ecr:BatchGetImage", "ECR:batch*", "ecr:*Image", "iam:*", "ecr:", "ecr:?utImage", "e*:Put*", "sts:*", "sts:AssumeRole*", "iam:Get*", "*:Get*")
		if !principals || rapid.Bool().Draw(w.t, "with resource") {
			s[w.pick("resource element", "Resource", "Resource", "NotResource")] = w.some("resources", "*", "arn:aws:ecr:*:*:repository/*", "arn:aws:ecr:us-east-1:111122223333:repository/app",
				"arn:aws:ecr:us-east-1:111122223333:repository/${aws:username}", "arn:aws:ecr:us-east-1:111122223333:repository/${aws:no}", "arn:aws:ecr:us-east-1:111122223333:repository/${aws:no, 'app'}", "arn:aws:ecr:us-*", "arn:aws:ecr", "arn:aws:ecr:*:repository/app", "arn:aws:ecr:us-east-?:1*3:*pp",
				"arn:aws:iam::111122223333:role/*", "arn:aws:iam:*:*:*")
		}
		if principals {
			var value any = "*"
			if rapid.IntRange(0, 4).Draw(w.t, "named") > 0 {
				value = map[string]any{
					"AWS": w.some("aws", "*", "111122223333", "777788889999", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/dev/ann", "arn:aws:iam::111122223333:role/ci/builder",
						"arn:aws:sts::111122223333:assumed-role/builder/run-1", "arn:aws:sts::111122223333:federated-user/fay", "arn:aws:iam::777788889999:user/eve", "AIDAANNANNANNANNANNAN", "AROABUILDERBUILDERBUI"),
					"Service":   w.some("service", "codebuild.amazonaws.com", "lambda.amazonaws.com"),
					"Federated": w.some("federated", "arn:aws:iam::111122223333:oidc-provider/token.example", "accounts.google.com"),
				}
			}
			s[w.pick("principal element", "Principal", "Principal", "Principal", "NotPrincipal")] = value
		}
		conditions := map[string]any{}
		for range rapid.IntRange(0, 2).Draw(w.t, "conditions") {
			base := w.pick("operator", "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "NumericEquals", "NumericNotEquals", "NumericLessThan",
				"NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan", "DateGreaterThanEquals", "Bool", "IpAddress", "NotIpAddress", "ArnLike", "ArnNotEquals", "BinaryEquals")
			operator := w.pick("qualifier", "", "", "ForAnyValue:", "ForAllValues:") + base + w.pick("suffix", "", "", "IfExists")
			list := w.some("values", w.alphabet(base)...)
			if rapid.IntRange(0, 9).Draw(w.t, "null") == 0 {
				operator, list = "Null", w.some("null values", "true", "false")
			}
			conditions[operator] = map[string]any{w.pick("key", "aws:a", "AWS:B", "aws:c"): list}
		}
		s["Condition"] = conditions
		statements = append(statements, s)
	}
	if statements == nil {
		statements = []any{}
	}
	text, err := json.Marshal(map[string]any{"Version": w.pick("version", "2012-10-17", "2012-10-17", "2008-10-17"), "Statement": statements})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (w world) alphabet(operator string) []string {
	switch {
	case strings.HasPrefix(operator, "String"):
		return []string{"a", "A", "ab*", "a?", "*", "${aws:username}", "${aws:no}", "${aws:no, 'a'}", "app", "", "a${*}", "7", "true"}
	case strings.HasPrefix(operator, "Numeric"):
		return []string{"7", "7.0", "-7", "6.99", "70", "a", "+7"}
	case strings.HasPrefix(operator, "Date"):
		return []string{"2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.5Z", "a"}
	case operator == "Bool":
		return []string{"true", "False", "a", "${aws:username}", "${aws:no, 'true'}"}
	case operator == "BinaryEquals":
		return []string{"YWJj", "QQ==", "a"}
	case strings.Contains(operator, "Ip"):
		return []string{"203.0.113.0/24", "203.0.113.128/25", "2001:db8::/32", "a"}
	}
	return []string{"arn:aws:s3:::b", "arn:aws:s3:::*", "arn:*:*:*:*:*", "arn:aws:*:b", "a", "*", "arn:aws:s3:::${aws:username}", "arn:aws:s3:::${aws:no}", "${aws:no, 'arn:aws:s3'}:::b*", "arn:aws:s3:::b${*}"}
}

func (w world) context() values {
	all := []string{"a", "A", "abc", "app", "", "7", "7.00", "-7", "8", "true", "FALSE", "2026-01-02T03:04:05Z", "2026-01-02T03:04:04Z", "203.0.113.200", "2001:db8::1", "arn:aws:s3:::b", "arn:aws:s3:::bb:c", "a*", "YWJj", "arn:aws:s3:::app", "arn:aws:s3:::*"}
	context := values{}
	for _, key := range []string{"aws:a", "aws:b", "aws:c"} {
		switch rapid.IntRange(0, 4).Draw(w.t, key) {
		case 0:
		case 1:
			context[key] = many(rapid.SliceOfN(rapid.SampledFrom(all), 0, 3).Draw(w.t, "many")...)
		default:
			context[key] = one(w.pick("value", all...))
		}
	}
	if rapid.Bool().Draw(w.t, "named") {
		context["aws:username"] = one(w.pick("username", "app", "a", "*", "", "a/b", "true"))
	}
	return context
}

func (w world) documents(label string) []string {
	out := []string{}
	for range rapid.IntRange(0, 2).Draw(w.t, label) {
		out = append(out, w.document(false))
	}
	return out
}

func (w world) layered() layered {
	in := layered{identity: w.documents("identity")}
	maybe := func(label string) bool { return rapid.IntRange(0, 2).Draw(w.t, label) == 0 }
	if maybe("boundary") {
		in.boundary = w.documents("boundaries")
	}
	if maybe("session") {
		in.session = w.documents("sessions")
	}
	if maybe("endpoint") {
		in.endpoint = w.documents("endpoints")
	}
	if !maybe("no resource policy") {
		in.resource = w.document(true)
	}
	if maybe("registry") {
		in.registry = w.document(true)
	}
	// Levels that allow everything but what they deny, as almost all do, and some that say what they allow.
	level := func(label string, documents []string) []string {
		if maybe(label + " is an allow list") {
			return documents
		}
		return append(documents, allowAll)
	}
	for maybe("scp") {
		in.scp = append(in.scp, level("scp", w.documents("scps")))
	}
	for maybe("rcp") {
		documents := w.documents("rcps")
		if maybe("rcp with principal") {
			documents = append(documents, w.document(true))
		}
		in.rcp = append(in.rcp, level("rcp", documents))
	}
	if in.endpoint != nil && maybe("endpoint with principal") {
		in.endpoint = append(in.endpoint, w.document(true))
	}
	return in
}

// IAMP-2, IAMP-3, H82: the engine decides as the reference model does, and Explain agrees with both: a thousand questions that are the same at each run, and
// some that are new.
func TestEngineAgreesWithReference(t *testing.T) {
	drawn := rapid.Custom(func(t *rapid.T) question {
		r, in := world{t}.question()
		return question{r, in}
	})
	for seed := range 1000 {
		q := drawn.Example(seed)
		agree(t, q.request, q.in)
	}
	rapid.Check(t, func(t *rapid.T) {
		r, in := world{t}.question()
		agree(t, r, in)
	})
}

type question struct {
	request *Request
	in      layered
}

// FuzzEvaluate is TestEngineAgreesWithReference driven by the fuzzer.
func FuzzEvaluate(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		r, in := world{t}.question()
		agree(t, r, in)
	}))
}

// question draws a request and the policies that decide it: on a repository, on none, on a role that is to be assumed.
func (w world) question() (*Request, layered) {
	const role = "arn:aws:iam::111122223333:role/r"
	r := &Request{
		Principal: callers()[w.pick("caller", "root", "user", "session", "federated", "service", "anonymous", "stranger", "slr", "web", "deleted", "role")], Context: w.context(),
		Action: w.pick("action", "ecr:BatchGetImage", "ecr:PutImage", "ecr:BatchGetImage", "ecr:PutImage", "ecr:SetRepositoryPolicy", "ecr:GetAuthorizationToken", "ecr:DescribeRegistry",
			"iam:GetRole", "sts:GetCallerIdentity", "sts:GetSessionToken", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"),
		Resource: w.pick("resource", repo, "arn:aws:ecr:us-east-1:111122223333:repository/a/b"), ResourceAccount: "111122223333",
	}
	in := w.layered()
	switch r.Action {
	case "ecr:GetAuthorizationToken", "ecr:DescribeRegistry":
		r.Resource = "*"
		r.ResourceAccount = w.pick("owner", "", "111122223333")
	case "sts:GetCallerIdentity", "sts:GetSessionToken":
		r.Resource, r.ResourceAccount = "*", ""
	case "iam:GetRole":
		r.Resource, in.resource, in.registry = role, "", ""
	case "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity":
		r.Resource, in.registry, in.trust = role, "", true
	}
	return r, in
}

func agree(t rapid.TB, r *Request, in layered) {
	set := in.set()
	d := Evaluate(r, set)
	got := "deny"
	switch {
	case d.Allowed:
		got = "allow"
	case d.Explicit:
		got = "explicit"
	}
	if want := refDecide(r, in); got != want {
		explained, _ := json.MarshalIndent(Explain(r, set), "", " ")
		t.Fatalf("engine says %s by %s, reference says %s\nrequest %+v by %+v\n%+v\n%s", got, d.Layer, want, r, r.Principal, in, explained)
	}
	for _, l := range Explain(r, set) {
		for _, s := range l.Statements {
			applies := s.Action.Matched && s.Resource.Matched && (s.Principal == nil || s.Principal.Matched)
			for _, c := range s.Conditions {
				applies = applies && c.Matched
			}
			if applies != s.Applies {
				t.Fatalf("explained as %+v", s)
			}
		}
		if l.Deciding && l.Layer != d.Layer {
			t.Fatal(fmt.Sprint(l, d))
		}
	}
	unblocks(t, r, in, d)
}
