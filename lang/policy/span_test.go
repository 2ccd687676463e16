package policy

import (
	"fmt"
	"testing"
)

// The places are those that AWS's simulator answered for the same documents, one with a lone statement, one with a list.
func TestStatementSpans(t *testing.T) {
	for document, want := range map[string]string{
		`{"Version": "2012-10-17", "Statement": {"Sid": "", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}`:                                                                                                                           "[{1 41 1 113}]",
		"{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n            \"Effect\": \"Allow\",\n            \"Action\": [\n                \"codecommit:ListRepositories\"\n            ],\n        \"Resource\": \"*\" },\n {}]}": "[{3 19 9 26} {9 26 10 4}]",
		`{"Version": "2012-10-17"}`: "[]",
	} {
		p, err := Parse([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(p.StatementSpans()); got != want {
			t.Errorf("%s: %s, want %s", document, got, want)
		}
	}
}
