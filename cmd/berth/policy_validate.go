package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/berth-registry/berth/lang/policy"
)

// validateRequest is one line of `berth policy validate --jsonl`.
type validateRequest struct {
	ID           json.RawMessage `json:"id"`
	Type         string          `json:"type"`
	Document     json.RawMessage `json:"document"`
	DocumentText *string         `json:"documentText"`
}

// validateAnswer says whether a document may be stored, what AWS would answer if not, and everything that was found.
type validateAnswer struct {
	ID       json.RawMessage  `json:"id,omitempty"`
	Valid    bool             `json:"valid"`
	Error    *errorObject     `json:"error,omitempty"`
	Findings []policy.Finding `json:"findings"`
}

// validatePolicies answers each line of in with what was found, or with an error that has the line's id.
func validatePolicies(in io.Reader, out io.Writer) error {
	return lines(in, out, func(line []byte) any {
		var request validateRequest
		if err := json.Unmarshal(line, &request); err != nil {
			return lineError{ID: idOf(line), Error: errorObject{"InvalidRequest", "the line is no request: " + err.Error()}}
		}
		kind, err := policyKind(request.Type)
		if err != nil {
			return lineError{ID: request.ID, Error: errorObject{"InvalidRequest", err.Error()}}
		}
		document := []byte(request.Document)
		if request.DocumentText != nil {
			document = []byte(*request.DocumentText)
		}
		answer := validate(document, kind)
		answer.ID = request.ID
		return answer
	})
}

func validate(document []byte, kind policy.Kind) *validateAnswer {
	answer := &validateAnswer{Valid: true, Findings: policy.Validate(document, kind)}
	if answer.Findings == nil {
		answer.Findings = []policy.Finding{}
	}
	if text, cause := policy.Refuse(document, kind); text != "" {
		answer.Valid = false
		if len(answer.Findings) == 0 { // whoever is refused learns where
			answer.Findings = append(answer.Findings, *cause)
		}
		answer.Error = &errorObject{"MalformedPolicyDocument", text}
		switch kind {
		case policy.Repository, policy.Registry:
			answer.Error = &errorObject{"InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: '" + text + "'"}
		case policy.SCP, policy.RCP:
			answer.Error.Code = "MalformedPolicyDocumentException"
		}
	}
	return answer
}

func policyKind(name string) (policy.Kind, error) {
	if name == "" {
		return policy.Any, nil
	}
	for _, kind := range policy.Kinds() {
		if name == string(kind) {
			return kind, nil
		}
	}
	return "", fmt.Errorf("type %q is none of %v", name, policy.Kinds())
}

// validatePolicy prints the findings of one document, for people or as JSON. It fails if the document could not be stored.
func validatePolicy(in io.Reader, out io.Writer, name, kindName, output string) error {
	kind, err := policyKind(kindName)
	if err != nil {
		return err
	}
	document, err := io.ReadAll(io.LimitReader(in, policy.MaxDocument+1))
	if err != nil {
		return err
	}
	answer := validate(document, kind)
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	} else {
		for _, f := range answer.Findings {
			where, hint := "", ""
			if f.Path != "" {
				where = f.Path + ": "
			}
			if f.Hint != "" {
				hint = " (" + f.Hint + ")"
			}
			if _, err := fmt.Fprintf(out, "%s:%d:%d: %s %s: %s%s%s\n", name, f.Line, f.Column, f.Level, f.Code, where, f.Message, hint); err != nil {
				return err
			}
		}
		if answer.Valid {
			if _, err := fmt.Fprintf(out, "%s may be stored as a policy of type %s\n", name, kind); err != nil {
				return err
			}
		}
	}
	if !answer.Valid {
		return errors.New(answer.Error.Message)
	}
	return nil
}
