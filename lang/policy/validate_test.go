package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// findings of one document, as testdata/findings.jsonl has them: "LEVEL CODE path line:column".
type findingCase struct {
	Rule     string          `json:"rule"`
	Kind     Kind            `json:"kind"`
	Document json.RawMessage `json:"document"`
	Text     string          `json:"text"`
	Findings []string        `json:"findings"`
	Hint     string          `json:"hint"` // of the first finding
	Refusal  string          `json:"refusal"`
}

func (c *findingCase) document() []byte {
	if c.Text != "" {
		return []byte(c.Text)
	}
	return c.Document
}

// IAMP-6.1, 6.3, 6.4, 6.5, H81 and the traps of the guides.
func TestFindings(t *testing.T) {
	file, err := os.ReadFile("testdata/findings.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for number, line := range strings.Split(string(file), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var c findingCase
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("line %d: %v", number+1, err)
		}
		count++
		var got []string
		found := Validate(c.document(), c.Kind)
		for _, f := range found {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Level, f.Code, f.Path)))
		}
		if strings.Join(got, "\n") != strings.Join(c.Findings, "\n") {
			t.Errorf("line %d %s:\n got %q\nwant %q", number+1, c.Rule, got, c.Findings)
		}
		if c.Hint != "" && (len(found) == 0 || found[0].Hint != c.Hint) {
			t.Errorf("line %d %s: hint %+v, want %s", number+1, c.Rule, found, c.Hint)
		}
		if got, _ := Refuse(c.document(), c.Kind); got != c.Refusal {
			t.Errorf("line %d %s: refusal %q, want %q", number+1, c.Rule, got, c.Refusal)
		}
	}
	t.Logf("%d documents", count)
}

// IAMP-6.5: every code of the list comes out for some document of ours.
func TestEveryFindingHasADocument(t *testing.T) {
	file, err := os.ReadFile("testdata/findings.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range strings.Fields(`
		JSON_SYNTAX_ERROR DATA_TYPE_MISMATCH DUPLICATE_KEYS_WITH_DIFFERENT_CASE INVALID_EFFECT INVALID_POLICY_ELEMENT MISSING_ACTION MISSING_EFFECT
		MISSING_PRINCIPAL MISSING_RESOURCE MISSING_STATEMENT MISSING_ARN_FIELD MISSING_QUALIFIER UNSUPPORTED_ELEMENT_COMBINATION INVALID_VERSION
		UNIQUE_SIDS_REQUIRED UNSUPPORTED_SID INVALID_ACTION INVALID_SERVICE_IN_ACTION INVALID_ARN_PREFIX INVALID_ARN_REGION INVALID_ARN_ACCOUNT
		INVALID_ARN_RESOURCE INVALID_PARTITION INVALID_CONDITION_OPERATOR INVALID_CONDITION_KEY_FORMAT INVALID_CONDITION_DATA_TYPE
		INVALID_CONDITION_MULTIPLE_BOOLEAN INVALID_GLOBAL_CONDITION_KEY INVALID_SERVICE_CONDITION_KEY NULL_WITH_IF_EXISTS INVALID_PRINCIPAL_FORMAT
		INVALID_PRINCIPAL_KEY UNSUPPORTED_PRINCIPAL UNSUPPORTED_WILDCARD_IN_PRINCIPAL FEDERATED_PRINCIPAL_NOT_SUPPORTED INVALID_SERVICE_PRINCIPAL_FORMAT
		MISSING_BRACE_IN_VARIABLE MISSING_QUOTE_IN_VARIABLE UNSUPPORTED_SPACE_IN_VARIABLE EMPTY_VARIABLE VARIABLE_UNSUPPORTED_IN_ELEMENT
		VARIABLE_UNSUPPORTED_IN_VERSION INVALID_VARIABLE_FOR_OPERATOR MISSING_TAG_KEY_IN_CONDITION UNSUPPORTED_ACTION_IN_POLICY
		UNSUPPORTED_RESOURCE_ARN_IN_POLICY ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE
		ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL MISMATCHED_ACTION_FOR_PRINCIPAL ALLOW_WITH_NOT_PRINCIPAL FORALLVALUES_WITH_SINGLE_VALUED_KEY
		RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL MISSING_PAIRED_CONDITION_KEYS PASS_ROLE_WITH_STAR_IN_RESOURCE MISSING_VERSION WILDCARD_WITHOUT_LIKE_OPERATOR
		TYPE_MISMATCH_STRING TYPE_MISMATCH_NUMBER TYPE_MISMATCH_DATE TYPE_MISMATCH_BOOLEAN TYPE_MISMATCH_IP_RANGE TYPE_MISMATCH_ARN TYPE_MISMATCH_BINARY
		INVALID_DATE_VALUE INVALID_ROLE_REFERENCE INVALID_USER_REFERENCE DEPRECATED_GLOBAL_CONDITION_KEY DENY_NOT_PRINCIPAL_INCOMPLETE
		EMPTY_ARRAY_STATEMENT EMPTY_ARRAY_ACTION EMPTY_ARRAY_RESOURCE EMPTY_ARRAY_PRINCIPAL EMPTY_ARRAY_CONDITION EMPTY_OBJECT_PRINCIPAL
		EMPTY_OBJECT_CONDITION EMPTY_SID_VALUE REDUNDANT_ACTION REDUNDANT_RESOURCE REDUNDANT_STATEMENT REDUNDANT_CONDITION_VALUE_NUM NULL_WITH_QUALIFIER
		IMPROVE_IP_RANGE PRIVATE_IP_ADDRESS`) {
		if !strings.Contains(string(file), " "+code+" ") && !strings.Contains(string(file), " "+code+`"`) {
			t.Errorf("no document has %s", code)
		}
	}
}

// IAMP-6.5: a finding has byte offset, line, column in code points and path.
func TestFindingPlaces(t *testing.T) {
	text := "{\"Version\":\"2012-10-17\",\n \"Statement\":[{\"Sid\":\"ää\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"ecr:BatchGetImage\",\n  \"ecr:BatchGetImag\"],\n" +
		"\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgId\":\"o-1\",\"aws:SourceAcount\":[\"1\"]}}}]}"
	found := Validate([]byte(text), Repository)
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	f := found[0]
	if f.Code != "INVALID_ACTION" || f.Path != "Statement[0].Action[1]" || f.Line != 3 || f.Column != 3 || text[f.Offset:f.Offset+5] != `"ecr:` || f.Hint != "did you mean ecr:BatchGetImage?" {
		t.Errorf("%+v", f)
	}
	f = found[1]
	if f.Code != "INVALID_GLOBAL_CONDITION_KEY" || f.Path != `Statement[0].Condition.StringEquals["aws:SourceAcount"]` || f.Line != 4 || f.Column != 57 || f.Hint != "did you mean aws:SourceAccount?" {
		t.Errorf("%+v", f)
	}
}

// IAMP-6.2: sizes.
func TestSizes(t *testing.T) {
	sized := func(size int, principal string) []byte {
		text := `{"Version":"2012-10-17","Statement":{"Sid":"%s","Effect":"Allow","Action":"ecr:BatchGetImage"` + principal + `}}`
		return []byte(fmt.Sprintf(text, strings.Repeat("x", size-len(text)+2)))
	}
	withPrincipal, withResource := `,"Principal":{"AWS":"111122223333"}`, `,"Resource":"*"`
	for _, c := range []struct {
		document []byte
		kind     Kind
		fits     bool
	}{
		{sized(10240, withPrincipal), Repository, true}, {sized(10241, withPrincipal), Repository, false},
		{sized(5120, withResource), SCP, true}, {sized(5121, withResource), SCP, false},
	} {
		if text, _ := Refuse(c.document, c.kind); (text == "") != c.fits {
			t.Errorf("%s of %d: %q %+v", c.kind, len(c.document), text, Validate(c.document, c.kind))
		}
	}
	spaced := append(sized(10240, withResource), []byte(strings.Repeat(" ", 5000))...)
	if found := Validate(spaced, Identity); len(found) != 1 || found[0].Level != LevelWarning {
		t.Errorf("whitespace counts in an identity policy: %+v", found)
	}
}

// IAMP-6.1: what IAM answers, in its order.
func TestRefusalOfIAM(t *testing.T) {
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":{` + s + `}}` }
	const ok = `"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"`
	for document, want := range map[string]string{
		statement(ok): "",
		`nonsense`:    textSyntax,
		`[]`:          textSyntax,
		`{"Version":"2013-10-17","Statement":{` + ok + `}}`:                                                  textSyntax,
		`{"Version":"2012-10-17"}`:                                                                           textSyntax,
		`{"Version":"2012-10-17","Statement":[]}`:                                                            textSyntax,
		`{"Version":"2012-10-17","Statement":[1]}`:                                                           textSyntax,
		`{"Version":"2012-10-17","Id":[],"Statement":{` + ok + `}}`:                                          textSyntax,
		`{"Version":"2012-10-17","Version":"2012-10-17","Statement":{` + ok + `}}`:                           textSyntax,
		statement(ok + `,"Extra":1`):                                                                         textSyntax,
		statement(ok + `,"Principal":"*"`):                                                                   textSyntax,
		statement(ok + `,"NotAction":[]`):                                                                    textSyntax,
		statement(ok + `,"NotResource":"*"`):                                                                 textSyntax,
		statement(ok + `,"Sid":{}`):                                                                          textSyntax,
		statement(ok + `,"Condition":[]`):                                                                    textSyntax,
		statement(ok + `,"Condition":{"StringEquals":"x"}`):                                                  textSyntax,
		statement(ok + `,"Condition":{"Unknown":{"a":"b"}}`):                                                 textSyntax,
		statement(ok + `,"Condition":{"Unknown":{}}`):                                                        "",
		statement(ok + `,"Condition":{"stringEquals":{"a":"b"}}`):                                            textSyntax,
		statement(`"Action":"s3:ListBucket","Resource":"*"`):                                                 textSyntax,
		`{"Statement":{` + ok + `}}`:                                                                         textVersion,
		`{"Version":"2008-10-17","Statement":{` + ok + `}}`:                                                  textVersion,
		statement(`"Effect":"ALLOW","Action":"s3:ListBucket","Resource":"*"`):                                textLegacy,
		statement(ok + `,"Condition":{"DateLessThan":{"aws:CurrentTime":"soon"}}`):                           textLegacy,
		statement(ok + `,"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-13"}}`):                        textLegacy,
		statement(ok + `,"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-01-31T10:00:00Z"}}`):           "",
		statement(`"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3::bucket"`):               textLegacy,
		`{"Version":"2012-10-17","Statement":[{"Sid":"a",` + ok + `},{"Sid":"a",` + ok + `}]}`:               textSids,
		statement(`"Effect":"Allow","Resource":"*"`):                                                         textNoActions,
		statement(`"Effect":"Allow","Action":[],"Resource":"*"`):                                             textNoActions,
		statement(`"Effect":"Allow","Action":"x","Resource":"bucket"`):                                       `Resource bucket must be in ARN format or "*".`,
		statement(`"Effect":"Allow","Action":"s3:x","Resource":""`):                                          `Resource  must be in ARN format or "*".`,
		statement(`"Effect":"Allow","Action":"s3:x","Resource":"arn:b:c:d:e:f"`):                             `Partition "b" is not valid for resource "arn:b:c:d:e:f".`,
		statement(`"Effect":"Allow","Action":"s3:x","Resource":"arn:b:c"`):                                   `Partition "b" is not valid for resource "arn:b:c:*:*:*".`,
		statement(`"Effect":"Allow","Action":"s3:x","Resource":"arn:aws"`):                                   textResourceForm,
		statement(`"Effect":"Allow","Action":"s3:x","Resource":"arn:aws:iam::111122223333:thing"`):           textResourceIAM,
		statement(`"Effect":"Allow","Action":"s3:x","Resource":"arn:aws:iam:us-east-1:111122223333:user/x"`): "IAM resource arn:aws:iam:us-east-1:111122223333:user/x cannot contain region information.",
		statement(`"Effect":"Allow","Action":"s3:x","Resource":"arn:aws:ecr:us-east-1:111122223333:*"`):      "",
		statement(`"Effect":"Allow","Action":"ListBucket","Resource":"*"`):                                   textNoVendor,
		statement(`"Effect":"Allow","Action":"s3:List:Bucket","Resource":"*"`):                               textColons,
		statement(`"Effect":"Allow","Action":"s 3:List","Resource":"*"`):                                     "Vendor s 3 is not valid",
		statement(`"Effect":"Allow","Action":"ecr:NoSuchAction","Resource":"*"`):                             "",
		statement(`"Effect":"Allow","Action":"s3:x"`):                                                        textNoResources,
		statement(`"Effect":"Allow","Action":"s3:x","Resource":[]`):                                          textNoResources,
		statement(`"Effect":"Allow","NotAction":"s3:x","NotResource":"arn:aws:s3:::bucket/${aws:username}"`): "",
	} {
		if got, _ := Refuse([]byte(document), Identity); got != want {
			t.Errorf("%s\n got %q\nwant %q", document, got, want)
		}
	}
}

// IAMP-6.1: trust policies.
func TestRefusalOfTrust(t *testing.T) {
	for document, want := range map[string]string{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`:                      "",
		`{"Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`:                             "",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::1:oidc-provider/x"},"Action":"sts:AssumeRoleWithWebIdentity"}]}`: "",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`:                                                   "",
		`no json`: "This policy contains invalid Json",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole","Resource":"*"}]}`:      "Has prohibited field Resource.",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject"}]}`:                       "AssumeRole policy may only specify STS AssumeRole actions.",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`:                                                        "Missing required field Principal",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1111:user/x"},"Action":"sts:AssumeRole"}]}`:         `Invalid principal in policy: "AWS":"arn:aws:iam::1111:user/x"`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`:                  "Has prohibited field NotPrincipal.",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/*"},"Action":"sts:AssumeRole"}]}`: `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"`,
	} {
		if got, _ := Refuse([]byte(document), Trust); got != want {
			t.Errorf("%s\n got %q\nwant %q", document, got, want)
		}
	}
}

// H81 and hostile input: a document full of mistakes takes time in proportion to its length, and says only so much. What is quadratic
// anywhere in this takes minutes.
func TestHostileDocumentsAreBounded(t *testing.T) {
	for name, document := range map[string]string{
		"sids":       `{"Version":"2012-10-17","Statement":[` + strings.Repeat(`{"Sid":"a"},`, 30000) + `{}]}`,
		"keys":       `{"Version":"2012-10-17","Statement":{"Condition":{"StringEquals":{` + strings.Repeat(`"a:b":"",`, 90000) + `"x":1}}}}`,
		"actions":    `{"Version":"2012-10-17","Statement":{"Action":[` + strings.Repeat(`"ecr:Zzzz","ecr:Zzz*",`, 30000) + `"x"]}}`,
		"principals": `{"Version":"2012-10-17","Statement":{"Principal":{"AWS":[` + strings.Repeat(`"x",`, 90000) + `"x"]}}}`,
		"exceptions": `{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":{"AWS":[` + strings.Repeat(`"arn:aws:iam::111122223333:role/r",`, 20000) + `"111122223333"]}}}`,
	} {
		for _, kind := range []Kind{Repository, Identity} {
			if found := Validate([]byte(document), kind); len(found) == 0 || len(found) > maxFindings+1 {
				t.Errorf("%s as %s: %d findings", name, kind, len(found))
			}
			if text, _ := Refuse([]byte(document), kind); text == "" {
				t.Errorf("%s may be stored as %s", name, kind)
			}
		}
		if _, err := Parse([]byte(document)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
