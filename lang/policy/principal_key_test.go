package policy

import (
	"fmt"
	"testing"
)

// IAMP-1.1, IAMP-1.2: what a request has under the keys that follow from its principal; "-" is absent.
func TestPrincipalValue(t *testing.T) {
	keys := []string{"aws:principalarn", "aws:userid", "aws:username", "aws:principaltype", "aws:principalaccount", "aws:principalisawsservice", "aws:principalservicename", "aws:principalservicenameslist"}
	const a = "111122223333"
	for name, want := range map[string][]string{
		"root":      {"arn:aws:iam::" + a + ":root", a, "-", "Account", a, "false", "-", "-"},
		"user":      {"arn:aws:iam::" + a + ":user/dev/ann", "AIDAANNANNANNANNANNAN", "ann", "User", a, "false", "-", "-"},
		"session":   {"arn:aws:iam::" + a + ":role/ci/builder", "AROABUILDERBUILDERBUI:run-1", "-", "AssumedRole", a, "false", "-", "-"},
		"role":      {"arn:aws:iam::" + a + ":role/ci/builder", "-", "-", "AssumedRole", a, "false", "-", "-"}, // no session, no id
		"federated": {"arn:aws:sts::" + a + ":federated-user/fay", a + ":fay", "-", "FederatedUser", a, "false", "-", "-"},
		"service":   {"-", "-", "-", "-", "-", "true", "codebuild.amazonaws.com", "[codebuild.amazonaws.com codebuild.us-east-1.amazonaws.com]"},
		"web":       {"-", "-", "-", "-", "-", "-", "-", "-"}, // a token, no signature
		"anonymous": {"-", "anonymous", "-", "Anonymous", "anonymous", "-", "-", "-"},
	} {
		p := callers()[name]
		switch name {
		case "session":
			p.UserID = p.ID + ":run-1"
		case "federated":
			p.UserID = p.Account + ":fay"
		case "service":
			p.ServiceNames = []string{p.ARN, "codebuild.us-east-1.amazonaws.com"}
		}
		for i, key := range keys {
			v, known := PrincipalValue(p, key)
			got := "-"
			if v.Multi {
				got = fmt.Sprint(v.Many)
			} else if v.Present {
				got = v.One
			}
			if !known || got != want[i] || v.Present != (got != "-") {
				t.Errorf("%s of %s: %s (%+v, known %v), want %s", key, name, got, v, known, want[i])
			}
		}
		for _, key := range []string{"aws:principaltag/team", "aws:principalorgid", "aws:resourceaccount", ""} {
			if v, known := PrincipalValue(p, key); known || v.Present {
				t.Errorf("%s follows from %s: %+v", key, name, v)
			}
		}
		if n := testing.AllocsPerRun(10, func() {
			for _, key := range keys {
				PrincipalValue(p, key)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
