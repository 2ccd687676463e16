package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A step that answers otherwise than it should ends the story, says what is wrong, and fails the command.
func TestQuickstartStopsAtTheFirstWrongAnswer(t *testing.T) {
	for _, form := range []string{"text", "json"} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		s := &story{ctx: t.Context(), tell: newTeller(out, form)}
		s.step("vendor", "This goes well.", "true", func() (string, error) { return "yes", nil })
		s.step("vendor", "This does not.", "aws ecr delete-repository", func() (string, error) {
			return refusedWith(nil, "DeleteRepository", "RepositoryNotEmptyException", "still contains images")
		})
		s.step("vendor", "This is not reached.", "false", func() (string, error) {
			t.Error("the story went on")
			return "", nil
		})
		if want := "step 2 (This does not.) did not answer as it should: it was done and should be refused with RepositoryNotEmptyException"; s.err == nil || s.err.Error() != want {
			t.Errorf("the error is %v", s.err)
		}
		text, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"text": "WRONG: it was done and should be refused", "json": `"ok":false,"wrong":"it was done and should be refused`}[form]
		if !strings.Contains(string(text), want) || strings.Contains(string(text), "not reached") {
			t.Errorf("it tells %s", text)
		}
	}
}

// An allowed push, and one that is denied for another reason than it should be, are both wrong.
func TestDeniedBy(t *testing.T) {
	const who = "arn:aws:iam::999888777666:user/CustomerDev"
	right := &refusal{403, "DENIED", "User: " + who + " is not authorized to perform: ecr:InitiateLayerUpload on resource: " + repoARN +
		" because no resource-based policy allows the ecr:InitiateLayerUpload action (request id: 01a2053b-1edf-7985-b710-046af83c6627)"}
	if answer, err := deniedBy(right, who, "InitiateLayerUpload", "resource-based"); err != nil || !strings.HasPrefix(answer, "denied: User: ") {
		t.Errorf("the right denial: %q, %v", answer, err)
	}
	for _, wrong := range []error{nil, errors.New("connection refused"), &refusal{status: 500}, &refusal{403, "DENIED", strings.Replace(right.message, "resource-based", "identity-based", 1)}} {
		if _, err := deniedBy(wrong, who, "InitiateLayerUpload", "resource-based"); err == nil {
			t.Errorf("%v passes as the right denial", wrong)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/a/b-c_d.e": "/a/b-c_d.e", "/a b": "'/a b'", "it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'"} {
		if got := quote(in); got != want {
			t.Errorf("%q is quoted as %s", in, got)
		}
	}
}
