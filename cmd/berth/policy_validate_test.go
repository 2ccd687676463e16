package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// IAMP-6: validity, AWS's code and text, and findings with their places.
func TestPolicyValidateLines(t *testing.T) {
	got := answers(t, validatePolicies, `{"id":1,"type":"identity","document":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":"*"}}}
{"id":2,"type":"identity","document":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x","Resource":"*"}}}
{"id":3,"type":"repository","documentText":"{“Version”:1}"}
{"id":4,"type":"scp","document":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}}}
{"id":5,"type":"wrong","document":{}}
{"id":6,"document":{"Statement":[]}}
{"id":7,"type":"trust","documentText":"no"}
`)
	for i, want := range []string{
		`true <nil>`,
		`false map[code:MalformedPolicyDocument message:Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.]`,
		`false map[code:InvalidParameterException message:Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided']`,
		`false map[code:MalformedPolicyDocumentException message:The provided policy document does not meet the requirements of the specified policy type.]`,
		`<nil> map[code:InvalidRequest message:type "wrong" is none of [identity repository registry registry-v1 trust scp rcp session boundary endpoint resource any]]`,
		`true <nil>`,
		`false map[code:MalformedPolicyDocument message:This policy contains invalid Json]`,
	} {
		if line := fmt.Sprint(got[i]["valid"], " ", got[i]["error"]); line != want || got[i]["id"] != float64(i+1) {
			t.Errorf("%d:\n got %s\nwant %s", i+1, line, want)
		}
	}
	finding := got[2]["findings"].([]any)[0].(map[string]any)
	if finding["code"] != "JSON_SYNTAX_ERROR" || finding["level"] != "ERROR" || finding["line"] != 1.0 || finding["column"] != 2.0 || finding["hint"] == "" {
		t.Errorf("%v", finding)
	}
}

// A person gets line and column, and an exit status.
func TestPolicyValidateFile(t *testing.T) {
	var out bytes.Buffer
	text := "{\"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": \"*\",\n  \"Action\": \"ecr:BatchGetImages\"}]}"
	err := validatePolicy(strings.NewReader(text), &out, "allow.json", "repository", "text")
	want := "allow.json:3:13: ERROR INVALID_ACTION: Statement[0].Action: The action ecr:BatchGetImages does not exist. (did you mean ecr:BatchGetImage?)\n"
	if err == nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	out.Reset()
	if err := validatePolicy(strings.NewReader(strings.Replace(text, "Images", "Image", 1)), &out, "allow.json", "repository", "text"); err != nil || out.String() != "allow.json may be stored as a policy of type repository\n" {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := validatePolicy(strings.NewReader(text), io.Discard, "x", "what", "text"); err == nil {
		t.Error("an unknown type passed")
	}
	file := t.TempDir() + "/policy.json"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := withInput(file, func(in io.Reader) error { return validatePolicy(in, io.Discard, file, "repository", "json") }); err == nil {
		t.Error("a policy that cannot be stored passed")
	}
}
