package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

const (
	pullAll = `{"name":"pull","document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:BatchGetImage"],"Resource":"*"}]}}`
	denyAll = `{"name":"no","arn":"arn:aws:iam::111122223333:policy/no","document":{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Action":"*","Resource":"*"}]}}`
	share   = `{"document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"ecr:BatchGetImage"}]}}`
)

func request(id, principal, context, policies string) string {
	return fmt.Sprintf(`{"id":%q,"principal":%s,"action":"ecr:BatchGetImage","resource":{"arn":"arn:aws:ecr:us-east-1:111122223333:repository/app"},"context":%s,"policies":%s}`, id, principal, context, policies) + "\n"
}

// IAMP-3, IAMP-5: decisions, reasons, messages and blockers, one line each.
func TestPolicyEval(t *testing.T) {
	user, customer := `{"arn":"arn:aws:iam::111122223333:user/ann"}`, `{"arn":"arn:aws:iam::444455556666:user/dev"}`
	const denied = " is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111122223333:repository/app "
	allowAll := `{"document":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}`
	for _, c := range []struct{ line, decision, reason, blocked, message string }{
		{request("1", user, `{}`, `{"identity":[`+pullAll+`]}`), "Allow", "allowed", "", ""},
		{request("2", user, `{}`, `{}`), "Deny", "implicit_deny", "", "User: arn:aws:iam::111122223333:user/ann" + denied + "because no identity-based policy allows the ecr:BatchGetImage action"},
		{request("3", user, `{}`, `{"identity":[`+pullAll+`,`+denyAll+`]}`), "Deny", "explicit_deny", "",
			"User: arn:aws:iam::111122223333:user/ann" + denied + "with an explicit deny in an identity-based policy: arn:aws:iam::111122223333:policy/no"},
		{request("4", customer, `{}`, `{"identity":[`+pullAll+`],"resource":`+share+`}`), "Allow", "allowed", "", ""},
		{request("5", customer, `{}`, `{"identity":[`+pullAll+`]}`), "Deny", "implicit_deny", "", "User: arn:aws:iam::444455556666:user/dev" + denied + "because no resource-based policy allows the ecr:BatchGetImage action"},
		{request("6", user, `{}`, `{"identity":[`+pullAll+`],"boundary":[{"document":{"Statement":[]}}],"scp":[{"target":"r-1","policies":[`+allowAll+`]},{"target":"ou-1","policies":[]}],"rcp":[{"target":"r-1","policies":[`+denyAll+`]}],"endpoint":[`+denyAll+`]}`),
			"Deny", "explicit_deny", "scp rcp endpoint boundary", "User: arn:aws:iam::111122223333:user/ann" + denied + "with an explicit deny in a resource control policy: arn:aws:iam::111122223333:policy/no"},
		{request("7", `{"service":"codebuild.amazonaws.com"}`, `{"aws:SourceAccount":"444455556666"}`, `{"resource":{"document":{"Statement":{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"ecr:*","Condition":{"StringEquals":{"aws:sourceAccount":"444455556666"}}}}}}`), "Allow", "allowed", "", ""},
		{request("8", `{"anonymous":true}`, `{}`, `{"resource":`+share+`}`), "Deny", "implicit_deny", "", "User: anonymous" + denied + "because no resource-based policy allows the ecr:BatchGetImage action"},
		{request("9", `{"arn":"arn:aws:sts::111122223333:assumed-role/r/s"}`, `{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/p/r"}`, `{"resource":{"document":{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/p/r"},"Action":"ecr:*"}}}}`), "Allow", "allowed", "", ""},
		{request("10", user, `{}`, `{"identity":[{"document":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"}]}`), "Allow", "allowed", "", ""},
		{request("11", user, `{}`, `{"identity":[{"document":[1,2]},{"document":null}]}`), "Deny", "implicit_deny", "", "User: arn:aws:iam::111122223333:user/ann" + denied + "because no identity-based policy allows the ecr:BatchGetImage action"},
	} {
		got := answers(t, evalPolicies, c.line)[0]
		var blocked []string
		for _, layer := range got["blockedBy"].([]any) {
			blocked = append(blocked, layer.(string))
		}
		if got["decision"] != c.decision || got["reason"] != c.reason || got["message"] != c.message || strings.Join(blocked, " ") != c.blocked || got["explain"] == nil {
			t.Errorf("%s\n%v", c.line, got)
		}
	}
}

// IAMP-3: each layer that a line can have decides, and is named: by what it denies and by what it does not allow.
func TestPolicyEvalLayers(t *testing.T) {
	const (
		user    = `{"arn":"arn:aws:iam::111122223333:user/ann"}`
		allow   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}`
		silent  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}]}`
		deny    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"},{"Sid":"No","Effect":"Deny","Action":"*","Resource":"*","Principal":"*"}]}`
		session = `{"arn":"arn:aws:sts::111122223333:assumed-role/r/s"}`
	)
	for _, c := range []struct{ principal, policies, layer, blocked string }{
		{user, `{"identity":[%s]}`, "identity", ""},
		{user, `{"identity":[` + allow + `],"boundary":[%s]}`, "boundary", "boundary"},
		{session, `{"identity":[` + allow + `],"session":[%s]}`, "session", ""}, // what does not grant does not block
		{user, `{"identity":[` + allow + `],"scp":[{"target":"r","policies":[` + allow + `]},{"target":"ou","policies":[%s]}]}`, "scp", "scp"},
		{user, `{"identity":[` + allow + `],"rcp":[{"target":"r","policies":[%s]}]}`, "rcp", "rcp"},
		{user, `{"identity":[` + allow + `],"endpoint":[%s]}`, "endpoint", "endpoint"},
	} {
		for policy, reason := range map[string]string{allow: "allowed", silent: "implicit_deny", deny: "explicit_deny"} {
			got := answers(t, evalPolicies, request("x", c.principal, `{}`, fmt.Sprintf(c.policies, policy)))[0]
			layer, blocked := c.layer, "["+c.blocked+"]"
			if reason == "allowed" {
				layer, blocked = "identity", "[]"
			}
			if got["reason"] != reason || got["layer"] != layer || fmt.Sprint(got["blockedBy"]) != blocked {
				t.Errorf("%s with %s: %v %v %v", c.policies, policy, got["reason"], got["layer"], got["blockedBy"])
			}
		}
	}
	// Resource and registry policies of another account; a role and its trust policy, under either name.
	customer := `{"arn":"arn:aws:iam::444455556666:user/dev"}`
	for _, layer := range []string{"resource", "registry"} {
		for policy, want := range map[string]string{allow: "allowed " + layer + " []", silent: "implicit_deny resource []", deny: "explicit_deny " + layer + " []"} {
			got := answers(t, evalPolicies, request("x", customer, `{}`, `{"identity":[`+allow+`],"`+layer+`":`+policy+`}`))[0]
			if line := fmt.Sprint(got["reason"], " ", got["layer"], " ", got["blockedBy"]); line != want {
				t.Errorf("%s %s: %s, want %s", layer, policy, line, want)
			}
		}
	}
	for _, name := range []string{"trust", "resource"} {
		for policy, want := range map[string]string{allow: "allowed trust", silent: "implicit_deny trust", deny: "explicit_deny trust"} {
			line := strings.Replace(request("x", user, `{}`, `{"identity":[`+allow+`],"`+name+`":`+strings.ReplaceAll(policy, `,"Resource":"*"`, "")+`}`), "ecr:BatchGetImage", "sts:AssumeRole", 1)
			line = strings.Replace(line, `"arn:aws:ecr:us-east-1:111122223333:repository/app"`, `"arn:aws:iam::111122223333:role/r"`, 1)
			got := answers(t, evalPolicies, line)[0]
			if line := fmt.Sprint(got["reason"], " ", got["layer"]); line != want {
				t.Errorf("%s %s: %s, want %s", name, policy, line, want)
			}
		}
	}
	if got := answers(t, evalPolicies, request("x", user, `{}`, `{"resource":`+allow+`,"trust":`+allow+`}`))[0]; got["error"] == nil {
		t.Errorf("two policies of one resource: %v", got)
	}
}

// IAMP-1: keys are used as given, or derived from principal, resource and time.
func TestPolicyEvalContext(t *testing.T) {
	when := func(condition string) string {
		return `{"resource":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":` + condition + `}}}`
	}
	session := `{"arn":"arn:aws:sts::111122223333:assumed-role/r/s"}`
	for _, c := range []struct{ principal, context, mode, condition, decision string }{
		{session, `{}`, "literal", `{"Null":{"aws:PrincipalArn":"true","aws:CurrentTime":"true"}}`, "Allow"},
		{session, `{}`, "derive", `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/r"},"StringEquals":{"aws:PrincipalAccount":"111122223333","aws:PrincipalType":"AssumedRole","aws:ResourceAccount":"111122223333","aws:RequestedRegion":"us-east-1"},"DateGreaterThan":{"aws:CurrentTime":"2020"},"Null":{"aws:username":"true"}}`, "Allow"},
		{`{"arn":"arn:aws:iam::111122223333:user/p/ann"}`, `{"aws:PrincipalAccount":"other"}`, "derive", `{"StringEquals":{"aws:username":"ann","aws:PrincipalAccount":"other"}}`, "Allow"},
		{session, `{"aws:TagKeys":["a","b"],"aws:MultiFactorAuthPresent":true,"x:n":5}`, "literal", `{"ForAllValues:StringEquals":{"aws:tagkeys":["a","b","c"]},"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"x:N":6}}`, "Allow"},
		{`{"anonymous":true}`, `{}`, "derive", `{"StringEquals":{"aws:userid":"anonymous","aws:PrincipalAccount":"anonymous"},"Null":{"aws:PrincipalIsAWSService":"true","aws:PrincipalArn":"true"}}`, "Allow"},
		{`{"service":"codebuild.amazonaws.com"}`, `{}`, "derive", `{"Bool":{"aws:PrincipalIsAWSService":"true"},"StringEquals":{"aws:PrincipalServiceName":"codebuild.amazonaws.com"},"ForAnyValue:StringEquals":{"aws:PrincipalServiceNamesList":"codebuild.amazonaws.com"}}`, "Allow"},
		{`{"arn":"arn:aws:sts::111122223333:federated-user/fay"}`, `{}`, "derive", `{"StringEquals":{"aws:userid":"111122223333:fay"}}`, "Allow"},
		{session, `{"aws:x":["a"]}`, "", `{"StringEquals":{"aws:x":"a"}}`, "Deny"},
	} {
		line := strings.Replace(request("x", c.principal, c.context, when(c.condition)), `"context"`, `"contextMode":"`+c.mode+`","context"`, 1)
		if got := answers(t, evalPolicies, line)[0]; got["decision"] != c.decision {
			t.Errorf("%s\n%v", line, got)
		}
	}
}

// A line that cannot be read is answered with its id, and the next one is read: H56.
func TestPolicyEvalBadLines(t *testing.T) {
	user := `{"arn":"arn:aws:iam::111122223333:user/ann"}`
	good := request("good", user, `{}`, `{"identity":[`+pullAll+`]}`)
	bad := []string{
		`{"id":"b0","principal":{},"action":"ecr:PutImage","resource":{"none":true}}`,
		`{"id":"b1","principal":{"arn":"ann"},"action":"ecr:PutImage","resource":{"none":true}}`,
		`{"id":"b2","principal":` + user + `,"action":"PutImage","resource":{"none":true}}`,
		`{"id":"b3","principal":` + user + `,"action":"ecr:PutImage","resource":{}}`,
		`{"id":"b4","principal":` + user + `,"action":"ecr:PutImage","resource":{"none":true},"contextMode":"guess"}`,
		`{"id":"b5","principal":` + user + `,"action":"ecr:PutImage","resource":{"none":true},"context":{"a":{"b":1}}}`,
		`{"id":"b6","principal":` + user + `,"action":"ecr:PutImage","resource":{"none":true},"policies":{"identity":[{"documents":"{}"}]}}`,
		`{"id":"b7","principal":7}`,
	}
	got := answers(t, evalPolicies, strings.Join(bad, "\n")+"\n\nnot json\n"+good)
	if len(got) != len(bad)+2 {
		t.Fatalf("%d answers: %v", len(got), got)
	}
	for i := range bad {
		if got[i]["id"] != fmt.Sprint("b", i) || got[i]["error"] == nil {
			t.Errorf("%s\n%v", bad[i], got[i])
		}
	}
	if got[len(bad)]["error"] == nil || got[len(bad)+1]["decision"] != "Allow" {
		t.Errorf("%v", got[len(bad):])
	}
	long := answers(t, evalPolicies, strings.Repeat("x", maxPolicyLine+1)+"\n"+good)
	if len(long) != 2 || long[0]["error"] == nil || long[1]["decision"] != "Allow" {
		t.Errorf("after a line that is too long: %v", long)
	}
}

// Memory does not grow with the stream: answers come out while input still goes in.
func TestPolicyEvalStreams(t *testing.T) {
	in, feed := io.Pipe()
	answer, out := io.Pipe()
	go func() { out.CloseWithError(evalPolicies(in, out)) }()
	line := request("1", `{"arn":"arn:aws:iam::111122223333:user/ann"}`, `{}`, `{"identity":[`+pullAll+`]}`)
	decoder := json.NewDecoder(answer)
	for i := range 3 {
		if _, err := io.WriteString(feed, line); err != nil {
			t.Fatal(err)
		}
		var got evalAnswer
		if err := decoder.Decode(&got); err != nil || got.Decision != "Allow" {
			t.Fatalf("%d: %v %+v", i, err, got)
		}
	}
	feed.Close()
	if _, err := decoder.Token(); err != io.EOF {
		t.Errorf("after the last line: %v", err)
	}
}

// A policy may be given as it is or wrapped with a name, a document as JSON or as a string that holds it, everywhere. What is no policy has no
// statement, as evaluation does not refuse what could not be stored; null is none.
func TestPolicyEvalForms(t *testing.T) {
	const (
		user       = `{"arn":"arn:aws:iam::111122223333:user/ann"}`
		customer   = `{"arn":"arn:aws:iam::444455556666:user/dev"}`
		bare       = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
		everyone   = `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}`
		noResource = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Principal":{"AWS":"444455556666"}}}`
		text       = `"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"`
		broken     = `"{“Statement”:[]}"`
	)
	for _, c := range []struct{ principal, policies, decision string }{
		{user, `{"identity":[` + bare + `]}`, "Allow"},
		{user, `{"identity":[` + text + `]}`, "Allow"},
		{user, `{"identity":[{"document":` + text + `}]}`, "Allow"},
		{user, `{"identity":[` + broken + `,{"document":` + broken + `},{"document":[1]},7,{},{"Version":"2012-10-17"},` + bare + `]}`, "Allow"},
		{user, `{"identity":[` + broken + `]}`, "Deny"},
		{user, `{"identity":[null,` + bare + `],"boundary":[null],"session":[{"document":null}],"resource":null,"registry":{"document":null},"scp":null,"rcp":null,"endpoint":null}`, "Allow"},
		{user, `{"identity":[` + bare + `],"boundary":[` + bare + `],"session":[` + bare + `],"endpoint":[` + everyone + `],"scp":[{"target":"r","policies":[` + bare + `]}],"rcp":[{"target":"r","policies":[` + everyone + `]}]}`, "Allow"},
		{user, `{"identity":[` + bare + `],"boundary":[` + broken + `]}`, "Deny"},
		{user, `{"identity":[` + bare + `],"session":[{"document":5}]}`, "Deny"},
		{user, `{"identity":[` + bare + `],"endpoint":[{}]}`, "Deny"},
		{user, `{"identity":[` + bare + `],"scp":[{"target":"r","policies":[` + broken + `]}]}`, "Deny"},
		{customer, `{"identity":[` + bare + `],"resource":` + noResource + `}`, "Allow"},
		{customer, `{"identity":[` + bare + `],"registry":` + everyone + `}`, "Allow"},
		{customer, `{"identity":[` + bare + `],"resource":{"name":"no policy","document":true}}`, "Deny"},
	} {
		line := request("x", c.principal, `{}`, c.policies)
		if got := answers(t, evalPolicies, line)[0]; got["decision"] != c.decision {
			t.Errorf("%s\n%v", line, got)
		}
	}
}

// A misspelt name is an error, never another decision: a boundary that is not read would allow.
func TestPolicyEvalUnknownNames(t *testing.T) {
	const user, bare = `{"arn":"arn:aws:iam::111122223333:user/ann"}`, `{"Statement":[]}`
	line := func(before, principal, resource, policies string) string {
		return `{"id":"u",` + before + `"principal":` + principal + `,"action":"ecr:PutImage","resource":` + resource + `,"policies":` + policies + `}`
	}
	for input, unknown := range map[string]string{
		line(`"conditions":{},`, user, `{"none":true}`, `{}`):                                                               "conditions",
		line(``, `{"arn":"arn:aws:iam::111122223333:user/ann","kind":"x"}`, `{"none":true}`, `{}`):                          "kind",
		line(``, user, `{"none":true,"region":"x"}`, `{}`):                                                                  "region",
		line(``, user, `{"none":true}`, `{"boundaries":[]}`):                                                                "boundaries",
		line(``, user, `{"none":true}`, `{"identity":[{"nam":"x","document":`+bare+`}]}`):                                   "nam",
		line(``, user, `{"none":true}`, `{"identity":[{"name":"x"}]}`):                                                      "document",
		line(``, user, `{"none":true}`, `{"boundary":[{"statement":[]}]}`):                                                  "statement",
		line(``, user, `{"none":true}`, `{"resource":{"document":`+bare+`,"Statement":[]}}`):                                "Statement",
		line(``, user, `{"none":true}`, `{"resource":{"Document":`+bare+`}}`):                                               "Document",
		line(``, user, `{"none":true}`, `{"scp":[{"target":"r","policy":[]}]}`):                                             "policy",
		line(``, user, `{"none":true}`, `{}`) + `{}`:                                                                        "line",
		line(``, user, `{"none":true}`, `{"identity":[`+strings.Repeat(`{"Statement":[`, 40)+strings.Repeat(`]}`, 40)+`]}`): "deep",
	} {
		got := answers(t, evalPolicies, input+"\n")[0]
		problem, _ := got["error"].(map[string]any)
		if problem["code"] != "InvalidRequest" || !strings.Contains(fmt.Sprint(problem["message"]), unknown) {
			t.Errorf("%s\n%v", input, got)
		}
	}
}
