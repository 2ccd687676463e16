package iam

import (
	"slices"
	"strings"

	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
)

// ofSession says of a question about a session what cannot be known: its session policy, its tags and who vouched for it are sealed into its credentials and stored
// nowhere. What they could turn is undecided.
func (e *Explanation) ofSession(s *sight, q *Question) {
	c := s.c
	federated := c.Principal.Type == policy.FederatedUser
	if a, err := arn.Parse(q.Principal); err != nil || a.Service != "sts" || c.rule() != "" {
		return
	}
	e.Note = "What a session was given, its session policy and tags, is sealed into its credentials and stored nowhere, so it took no part here. A request that the session made is explained by its id."
	switch {
	case e.Decision == "Allow":
		e.Message = "The policies that are stored allow it; a session policy may not."
	case e.Decision == "Deny" && federated && !e.Explicit:
		e.Message = "A federated user may do what the user who vouched for it and its session policy both allow. Neither is known."
	case e.Decision == "Deny" && s.asksSession(q):
		e.Message = "The policies that are stored refuse it, as far as they do not depend on what the session was given: " + e.Message
	default:
		return
	}
	e.Decision, e.Explicit, e.DecidedBy, e.Changes, e.Ask = "Undecided", false, nil, nil, nil
}

// asksSession reports whether a policy that s may see asks for what only the session knows, and the question does not say.
func (s *sight) asksSession(q *Question) bool {
	given := map[string]bool{}
	for key := range q.Context {
		given[strings.ToLower(key)] = true
	}
	asks := func(policies ...policy.Attached) bool {
		return slices.ContainsFunc(policies, func(a policy.Attached) bool {
			return a.Policy != nil && slices.ContainsFunc(a.Policy.ContextKeys(), func(key string) bool {
				key = strings.ToLower(key)
				return !given[key] && (strings.HasPrefix(key, "aws:principaltag/") || slices.Contains([]string{"aws:tokenissuetime", "aws:sourceidentity", "aws:federatedprovider", "aws:multifactorauthpresent"}, key))
			})
		})
	}
	set, _ := s.open()
	for _, level := range slices.Concat(set.SCP, set.RCP) {
		if asks(level.Policies...) {
			return true
		}
	}
	return asks(slices.Concat(set.Identity, set.Boundary, set.Endpoint)...) || set.Resource != nil && asks(*set.Resource) || set.Registry != nil && asks(*set.Registry)
}
