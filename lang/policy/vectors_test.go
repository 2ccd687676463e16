package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// values is a Context of a test.
type values map[string]Value

func (v values) Lookup(key string) Value { return v[key] }

func one(s string) Value        { return Value{Present: true, One: s} }
func many(list ...string) Value { return Value{Present: true, Multi: true, Many: list} }
func doc(text string) Attached  { return Attached{Name: "p", Policy: mustParse(text)} }
func docs(t ...string) []Attached {
	var out []Attached
	for i, text := range t {
		out = append(out, Attached{Name: fmt.Sprintf("p%d", i), Policy: mustParse(text)})
	}
	return out
}

func mustParse(text string) *Policy {
	p, err := Parse([]byte(text))
	if err != nil {
		panic(text + ": " + err.Error())
	}
	return p
}

// readTable reads lines of fields between " | ".
func readTable(t *testing.T, file string, fields int) [][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for number, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(line, " | ")
		if len(row) != fields {
			t.Fatalf("%s:%d: %d fields, want %d", file, number+1, len(row), fields)
		}
		out = append(out, row)
	}
	return out
}

// IAMP-2.2, IAMP-2.3, H82, H85: every operator, set operator and variable.
func TestConditions(t *testing.T) {
	for _, row := range readTable(t, "conditions.txt", 5) {
		rule, operator, policyValues, request, want := row[0], row[1], row[2], row[3], row[4] == "true"
		context := values{
			"aws:username": one("ann"), "aws:star": one("*"), "aws:slash": one("a/b"), "aws:empty": one(""), "aws:many": many("p", "q"),
			"aws:arn": one("arn:aws:iam::111122223333:role/r"),
		}
		var value any
		if err := json.Unmarshal([]byte(request), &value); err != nil {
			t.Fatalf("%v: %v", row, err)
		}
		switch v := value.(type) {
		case string:
			context["aws:x"] = one(v)
		case []any:
			list := []string{}
			for _, item := range v {
				list = append(list, item.(string))
			}
			context["aws:x"] = many(list...)
		}
		document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{%q:{"aws:X":%s}}}}`, operator, policyValues)
		p := mustParse(document)
		if got := p.statements[0].conditions[0].holds(context); got != want {
			t.Errorf("%s: %s %s of %s = %v", rule, operator, policyValues, request, got)
		}
		// What a person is told must be what was decided.
		var got ConditionResult
		if p.statements[0].conditions[0].explain(&room{}, &got, context); got.Matched != want || (strings.HasPrefix(got.Reason, "matched") != want) {
			t.Errorf("%s: %s %s of %s is explained as %+v", rule, operator, policyValues, request, got)
		}
	}
}

// IAMP-2, IAMP-2.3, H82, H85: Action, NotAction, Resource, NotResource in every layer.
func TestElements(t *testing.T) {
	layers := map[string]layerKind{
		"identity": identityLayer, "boundary": boundaryLayer, "session": sessionLayer, "resource": resourceLayer, "registry": registryLayer,
		"endpoint": endpointLayer, "scp": scpLayer, "rcp": rcpLayer,
	}
	context := values{"aws:username": one("ann"), "aws:star": one("*")}
	for _, row := range readTable(t, "elements.txt", 6) {
		layer, element, list, request, want := layers[row[1]], row[2], row[3], row[4], row[5] == "true"
		r := &Request{Principal: &Principal{Type: User}, Action: "ecr:PutImage", Resource: "*", Context: context}
		document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",%q:%s,"Resource":"*","Principal":"*"}]}`, element, list)
		switch {
		case strings.HasSuffix(element, "Resource"):
			r.Resource = request
			document = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",%q:%s,"Action":"*","Principal":"*"}]}`, element, list)
		case element == "-":
			r.Resource = request
			document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Principal":"*"}]}`
		default:
			r.Action = request
		}
		p := mustParse(document)
		e := newEvaluation(r, &Set{})
		if got := e.applies(&p.statements[0], layer) != unnamed; got != want {
			t.Errorf("%s: %s policy with %s %s covers %s: %v", row[0], row[1], element, list, request, got)
		}
	}
}

// callers are the principals of principals.txt.
func callers() map[string]*Principal {
	const a = "111122223333"
	return map[string]*Principal{
		"root":      {Type: Root, ARN: "arn:aws:iam::111122223333:root", Account: a},
		"user":      {Type: User, ARN: "arn:aws:iam::111122223333:user/dev/ann", Account: a, ID: "AIDAANNANNANNANNANNAN"},
		"deleted":   {Type: User, ARN: "arn:aws:iam::111122223333:user/dev/ann", Account: a, ID: "AIDANEWNEWNEWNEWNEWNE"},
		"session":   {Type: AssumedRole, ARN: "arn:aws:sts::111122223333:assumed-role/builder/run-1", Account: a, ID: "AROABUILDERBUILDERBUI", RoleARN: "arn:aws:iam::111122223333:role/ci/builder"},
		"role":      {Type: AssumedRole, ARN: "arn:aws:iam::111122223333:role/ci/builder", Account: a, RoleARN: "arn:aws:iam::111122223333:role/ci/builder"},
		"federated": {Type: FederatedUser, ARN: "arn:aws:sts::111122223333:federated-user/fay", Account: a, UserARN: "arn:aws:iam::111122223333:user/dev/ann", ID: "AIDAANNANNANNANNANNAN"},
		"service":   {Type: Service, ARN: "codebuild.amazonaws.com"},
		"web":       {Type: WebIdentity, Provider: "arn:aws:iam::111122223333:oidc-provider/token.example"},
		"anonymous": {Type: Anonymous},
		"stranger":  {Type: User, ARN: "arn:aws:iam::777788889999:user/eve", Account: "777788889999", ID: "AIDAEVEEVEEVEEVEEVEEV"},
		"slr":       {Type: AssumedRole, ARN: "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForECRReplication/x", Account: a, RoleARN: "arn:aws:iam::111122223333:role/aws-service-role/replication.ecr.amazonaws.com/AWSServiceRoleForECRReplication", ServiceLinked: true},
	}
}

// IAMP-2.1, IAM-15: every form of principal against every kind of caller.
func TestPrincipals(t *testing.T) {
	for _, row := range readTable(t, "principals.txt", 5) {
		element, value, caller, want := row[1], row[2], callers()[row[3]], row[4]
		p := mustParse(fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"*",%q:%s}}`, element, value))
		got := p.statements[0].principalClass(caller, resourceLayer, false).String()
		if got == "" {
			got = "-"
		}
		if got != want {
			t.Errorf("%s: %s %s names %s: %s, want %s", row[0], element, value, row[3], got, want)
		}
	}
}
