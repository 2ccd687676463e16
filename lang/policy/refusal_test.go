package policy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// IAMP-6.1, 6.5: a refusal comes with the finding that refuses, not with an earlier one that AWS passes over. Every document here begins with an action
// that does not exist, which IAM stores.
func TestRefusalNamesItsCause(t *testing.T) {
	first := "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ecr:Nope\",\"Resource\":\"*\"},\n"
	trust := "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":{\"AWS\":\"*\"},\"Action\":\"sts:AssumeRole\",\"Condition\":{\"StringEquals\":{\"aws:nope\":\"x\"}}},\n"
	const ok = `"Effect":"Allow","Action":"ecr:*","Resource":"*"`
	for _, c := range []struct {
		kind            Kind
		statement       string // the second, in line 2
		text, code, say string // say is what the message tells; column is where | stands
	}{
		{Identity, `{` + ok + `,"Principal":|"*"}]}`, textSyntax, "UNSUPPORTED_PRINCIPAL", "has no Principal"},
		{Boundary, `{` + ok + `,"Principal":|{"AWS":"*"}}]}`, textSyntax, "UNSUPPORTED_PRINCIPAL", "has no Principal"},
		{Identity, `{` + ok + `,|"Resorce":"*"}]}`, textSyntax, "INVALID_POLICY_ELEMENT", "Resorce"},
		{Identity, `{` + ok + `,|"Resource":"*"}]}`, textSyntax, "DUPLICATE_KEYS_WITH_DIFFERENT_CASE", "second time"},
		{Identity, `{` + ok + `,"NotAction":|"s3:*"}]}`, textSyntax, "UNSUPPORTED_ELEMENT_COMBINATION", "not both"},
		{Identity, `|{"Action":"ecr:*","Resource":"*"}]}`, textSyntax, "MISSING_EFFECT", "no Effect"},
		{Identity, `{` + ok + `,"Sid":|7}]}`, textSyntax, "DATA_TYPE_MISMATCH", "a number"},
		{Identity, `{` + ok + `,"Condition":{|"Equals":{"a:b":"c"}}}]}`, textSyntax, "INVALID_CONDITION_OPERATOR", "Equals"},
		{Identity, `{"Effect":"Allow","Action":["ecr:*",|7],"Resource":"*"}]}`, textSyntax, "DATA_TYPE_MISMATCH", "a number"},
		{Identity, `{` + ok + `}|,]}`, textSyntax, "JSON_SYNTAX_ERROR", "trailing comma"},
		{Identity, `{"Effect":|"allow","Action":"ecr:*","Resource":"*"}]}`, textLegacy, "INVALID_EFFECT", "allow"},
		{Identity, `{` + ok + `,"Condition":{"DateLessThan":{"aws:CurrentTime":|"soon"}}}]}`, textLegacy, "INVALID_DATE_VALUE", "soon"},
		{Identity, `{"Effect":"Allow","Action":"ecr:*","Resource":|"repository"}]}`, `Resource repository must be in ARN format or "*".`, "INVALID_ARN_PREFIX", "repository"},
		{Identity, `{"Effect":"Allow","Action":|"pull","Resource":"*"}]}`, textNoVendor, "INVALID_ACTION", "pull"},
		{Identity, `|{"Effect":"Allow","Resource":"*"}]}`, textNoActions, "MISSING_ACTION", "NotAction"},
		{Identity, `|{"Effect":"Allow","Action":"ecr:*"}]}`, textNoResources, "MISSING_RESOURCE", "NotResource"},
		{Repository, `{"Effect":"Allow","Principal":"*","Action":"ecr:*"|,}]}`, "Invalid repository policy provided", "JSON_SYNTAX_ERROR", "trailing comma"},
		{Repository, `{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":|"012345678910.dkr.ecr.us-east-1.amazonaws.com/app"}]}`, "Invalid repository policy provided", "INVALID_ARN_PREFIX", "neither * nor an ARN"},
		{Repository, `{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":|"arn:aws:ecr:us-east-1:0123456789:repository/app"}]}`, "Invalid repository policy provided", "INVALID_ARN_ACCOUNT", "0123456789"},
		{Trust, `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole","Resource":|"*"}]}`, "Has prohibited field Resource.", "ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", "stands on the role"},
		{Trust, `{"Effect":"Allow","Principal":{"AWS":|"arn:aws:iam::1:user/x"},"Action":"sts:AssumeRole"}]}`, `Invalid principal in policy: "AWS":"arn:aws:iam::1:user/x"`, "INVALID_ARN_ACCOUNT", "1"},
		{Trust, `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":|"ecr:BatchGetImage"}]}`, "AssumeRole policy may only specify STS AssumeRole actions.", "UNSUPPORTED_ACTION_IN_POLICY", "assume"},
	} {
		begin := first
		switch c.kind {
		case Trust:
			begin = trust
		case Repository:
			begin = strings.Replace(trust, "sts:AssumeRole", "ecr:*", 1)
		}
		before, after, _ := strings.Cut(c.statement, "|")
		text, cause := Refuse([]byte(begin+before+after), c.kind)
		if cause == nil || text != c.text || cause.Code != c.code || cause.Line != 2 || cause.Column != len(before)+1 || !strings.Contains(cause.Message, c.say) {
			t.Errorf("%s %s\n got %q because of %+v\nwant %q, %s in line 2, column %d", c.kind, before+after, text, cause, c.text, c.code, len(before)+1)
		}
	}
	old := strings.Replace(first, "2012", "2008", 1) + "{" + ok + "}]}"
	if text, cause := Refuse([]byte(old), Identity); text != textVersion || cause == nil || cause.Line != 1 || cause.Column != len(`{"Version":`)+1 {
		t.Errorf("%q because of %+v", text, cause)
	}
}

// Whatever is refused has a cause, and what is not has none.
func TestEveryRefusalHasACause(t *testing.T) {
	file, err := os.ReadFile("testdata/findings.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		var c findingCase
		if json.Unmarshal([]byte(line), &c) != nil {
			continue
		}
		for _, kind := range Kinds() {
			text, cause := Refuse(c.document(), kind)
			if (text == "") != (cause == nil) || cause != nil && (cause.Line < 1 || cause.Column < 1 || cause.Message == "") {
				t.Errorf("%s as %s: %q because of %+v", c.document(), kind, text, cause)
			}
			if cause != nil && cause.Code == "POLICY_REFUSED" {
				t.Logf("%s as %s: %q has no finding", c.document(), kind, text)
			}
		}
	}
}
