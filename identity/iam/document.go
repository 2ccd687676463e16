package iam

import (
	"unicode"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
)

// checkDocument refuses a policy that may not be stored, with AWS's text and, behind it, where that is and what is wrong there (IAMP-6.1).
func checkDocument(document string, kind policy.Kind) error {
	text, cause := policy.Refuse([]byte(document), kind)
	if text == "" {
		return nil
	}
	return fault.New(fault.MalformedPolicyDocument, "%s", cause.After(text))
}

// length is the size of a document as quotas count it: characters, without white space (IAMP-6.2).
func length(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}
