package iam

import "github.com/berth-registry/berth/fault"

// Every AccessDenied is made in this file, so that none lacks the id of its request: a law test holds the whole program to it.

// Refuse answers AccessDenied for a reason that lies outside of policies: a rule of the service, a closed account, a wrong password. The request's id stands
// behind it, and the audit keeps the reason in place of the policies that would have allowed it, for `berth explain`. The reason is told to every party of the
// request: it must not say what only one of them may know.
func (c *Call) Refuse(reason string) error {
	a := &c.Audit
	a.Decision, a.Error, a.Rule = "Deny", string(fault.AccessDenied), reason
	a.Layer, a.Policy, a.Statement, a.CallerPolicy, a.CallerStatement = "", "", "", "", ""
	return c.deny(reason, nil)
}

// deny is AccessDenied with the request's id behind the text; why is the decision that refused, nil if it was none of policies.
func (c *Call) deny(text string, why any) *fault.Error {
	return fault.New(fault.AccessDenied, "%s", c.withID(text)).With(why)
}

// withID is the text of a refusal with the id of the request behind it, by which it can be explained: who uses docker or the AWS CLI sees nothing but the text.
func (c *Call) withID(text string) string {
	if c.RequestID == "" {
		return text // a call that no front door made
	}
	return text + " (request id: " + c.RequestID + ")"
}
