package policy

import (
	"errors"
	"strings"
	"testing"
)

// IAMP-6.5, traps 1 and 5 of the guides: a syntax error has its place, and a hint for what people paste.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		text         string
		line, column int
		message      string
		hint         string
	}{
		{"", 1, 1, "the document ends where a value is expected", ""},
		{"{\n  “Version”: 1}", 2, 3, "found '“' where a name in double quotes or '}' is expected", "typographic quote “: write a plain \" instead"},
		{`{"Action": “ecr:*”}`, 1, 12, "found '“' where a value is expected", "typographic quote “: write a plain \" instead"},
		{"{\"A\": [\"ä\", \"b\",\n]}", 1, 16, "trailing comma: nothing follows it in the array", "remove the comma"},
		{`{"A": 1,}`, 1, 8, "trailing comma: nothing follows it in the object", "remove the comma"},
		{`{'A': 1}`, 1, 2, "found '\\'' where a name in double quotes or '}' is expected", "' does not quote in JSON: write a plain \" instead"},
		{"{\"A\": 1 // no\n}", 1, 9, "found '/' where ',' or '}' is expected", "JSON has no comments: remove it"},
		{`{"A": 1 "B": 2}`, 1, 9, "found '\"' where ',' or '}' is expected", "is a comma missing before it?"},
		{`{"A": True}`, 1, 7, "found 'T' where a value is expected", "write true, false or null in lower case"},
		{"\ufeff{}", 1, 1, "the document begins with a byte order mark", "save the file as UTF-8 without a byte order mark"},
		{"{\"A\": \"\xff\"}", 1, 8, "byte 0xff is not UTF-8", "save the file as UTF-8"},
		{`{} {}`, 1, 4, "found '{' where the end of the document is expected", ""},
		{`{"A": "x`, 1, 7, "the string that begins here does not end", ""},
		{"{\"A\": \"x\ny\"}", 1, 9, "control character 0x0a inside a string", "is a closing quote missing?"},
		{`{"A": "\q"}`, 1, 8, `\q is no escape of JSON`, ""},
		{`{"A": "\u12"}`, 1, 8, `\u needs four hexadecimal digits`, ""},
		{`{"A": 012}`, 1, 7, "a number begins with 0", "write it in double quotes to keep the zero"},
		{`{"A": 1.}`, 1, 9, "found '}' where a digit is expected", ""},
		{`{"A": -}`, 1, 8, "found '}' where a digit is expected", ""},
		{`{"A"`, 1, 5, "the document ends where ':' is expected", ""},
		{strings.Repeat("[", 40), 1, 33, "the document is nested deeper than 32 levels", ""},
		{"[]", 1, 1, "a policy is a JSON object, not an array", ""},
		{`"{}"`, 1, 1, "a policy is a JSON object, not a string", ""},
		{"{\"A\": 1,\n\u00a0\"B\": 2}", 2, 1, "found '\\u00a0' where a name in double quotes or '}' is expected", "an invisible character that is no JSON space: remove it"},
	} {
		_, err := Parse([]byte(c.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if syntax.Line != c.line || syntax.Column != c.column || syntax.Message != c.message || syntax.Hint != c.hint {
			t.Errorf("%q:\n got %d:%d %s (%s)\nwant %d:%d %s (%s)", c.text, syntax.Line, syntax.Column, syntax.Message, syntax.Hint, c.line, c.column, c.message, c.hint)
		}
	}
}

// H82 and hostile input: size, number of values and depth are bounded.
func TestParseIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"long": `{"A":"` + strings.Repeat("x", MaxDocument) + `"}`,
		"wide": `{"A":[` + strings.Repeat("1,", maxNodes) + `1]}`,
		"deep": strings.Repeat(`{"A":`, 100_000),
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

// Escapes are read as every reader of JSON reads them.
func TestStrings(t *testing.T) {
	p := mustParse(`{"Statement":[{"Sid":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00\ud800x","Effect":"Allow"}]}`)
	if want := "\"\\/\b\f\n\r\tä😀\ufffdx"; p.statements[0].sid != want {
		t.Errorf("%q, want %q", p.statements[0].sid, want)
	}
}

// IAMP-2.1: principals are found with their places, and rewriting leaves every other byte as it was.
func TestRewrite(t *testing.T) {
	text := "{ \"Statement\" : [\n {\"Principal\":{\"AWS\": [\"arn:aws:iam::111122223333:user/\\u0061nn\",\"111122223333\"], \"Service\":\"x.amazonaws.com\"}, \"Sid\":\"ä\"},\n" +
		"  {\"NotPrincipal\": {\"AWS\":\"arn:aws:iam::111122223333:role/r\"} , \"Effect\":\"Deny\"}, {\"Principal\":\"*\"}]}  \n"
	p := mustParse(text)
	var places []string
	for _, ref := range p.Principals() {
		places = append(places, ref.Path+"="+ref.Key+":"+ref.Value)
	}
	want := "Statement[0].Principal.AWS[0]=AWS:arn:aws:iam::111122223333:user/ann Statement[0].Principal.AWS[1]=AWS:111122223333 Statement[0].Principal.Service=Service:x.amazonaws.com " +
		"Statement[1].NotPrincipal.AWS=AWS:arn:aws:iam::111122223333:role/r Statement[2].Principal=*:*"
	if got := strings.Join(places, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if ref := p.Principals()[3]; ref.Line != 3 || ref.Column != 27 || !ref.Not {
		t.Errorf("%+v", ref)
	}
	if got := string(p.Rewrite(func(string) (string, bool) { return "", false })); got != text {
		t.Errorf("changed without need: %s", got)
	}
	ids := map[string]string{"arn:aws:iam::111122223333:user/ann": "AIDAANN", "arn:aws:iam::111122223333:role/r": "AROAR", "*": "wrong", "x.amazonaws.com": "wrong"}
	got := string(p.Rewrite(func(v string) (string, bool) { id, ok := ids[v]; return id, ok }))
	rewritten := strings.NewReplacer(`arn:aws:iam::111122223333:user/\u0061nn`, "AIDAANN", "arn:aws:iam::111122223333:role/r", "AROAR").Replace(text)
	if got != rewritten {
		t.Errorf("got  %s\nwant %s", got, rewritten)
	}
	if string(p.Text()) != text {
		t.Error("the text changed")
	}
}

// FuzzParse: no document crashes or hangs reading, validating, refusing or rewriting, and what parses keeps its bytes.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{repositoryPolicy, selfService, orgPolicy, readOnly, `{"Statement":{"Principal":{"AWS":["*",1,null]},"Condition":{"Null":{"a":[true,{}]}}}}`, "“", `{"Statement":[{"Resource":"${a, 'b'}${"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, kind := range Kinds() {
			for _, finding := range Validate(document, kind) {
				if finding.Line < 1 || finding.Column < 1 || finding.Offset < 0 || finding.Offset > len(document) || finding.Code == "" || finding.Message == "" {
					t.Fatalf("%+v", finding)
				}
			}
			Refuse(document, kind)
		}
		p, err := Parse(document)
		if err != nil {
			return
		}
		if string(p.Rewrite(func(string) (string, bool) { return "", false })) != string(document) {
			t.Fatal("rewriting nothing changed the document")
		}
		again, err := Parse(p.Rewrite(func(v string) (string, bool) { return v + "\"\\\x01", true }))
		if err != nil || len(again.Principals()) != len(p.Principals()) {
			t.Fatalf("rewritten: %v", err)
		}
	})
}
