package iam

import (
	"slices"

	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
)

// Not every request is decided by policies: settled decides some before they are asked, and Refuse others after they have allowed. An explanation names the rule
// then, and advises nobody to change a policy.

// rule is the rule of settled that decides c, in words and with the way out; "" if policies do.
func (c *Call) rule() string {
	d, settled := c.settled(c.request.Action)
	switch {
	case !settled:
		return ""
	case d.Policy == rulesOfFederatedUsers:
		return "Federated users may call nothing of IAM, and of STS only GetCallerIdentity, whatever policies say. The user who vouched for this one can call, or assume a role."
	case d.Policy == rulesOfSessions:
		return "A session that an access key was exchanged for (GetSessionToken) may call nothing of IAM, whatever policies say. Sign with the access key itself, or assume a role."
	}
	return "A service may ask for a registry password, whatever policies say: it opens only what resource-based policies give to the service."
}

// ruled is what layers say, after settled: it decides in place of all of them, under the name of session policies.
func (c *Call) ruled(layers []policy.LayerResult) []policy.LayerResult {
	d, settled := c.settled(c.request.Action)
	if !settled {
		return layers
	}
	undecided(layers)
	if d.Allowed {
		return layers
	}
	at := slices.IndexFunc(layers, func(l policy.LayerResult) bool { return l.Layer == policy.LayerSession })
	if at < 0 {
		if at = slices.IndexFunc(layers, func(l policy.LayerResult) bool { return l.Layer == policy.LayerEndpoint }); at < 0 {
			at = len(layers)
		}
		layers = slices.Insert(layers, at, policy.LayerResult{Layer: policy.LayerSession})
	}
	layers[at].Result, layers[at].Deciding = "deny", true
	return layers
}

// undecided takes from layers that one of them decided.
func undecided(layers []policy.LayerResult) {
	for i := range layers {
		l := &layers[i]
		l.Deciding = false
		for j := range l.Statements {
			l.Statements[j].Deciding, l.Statements[j].Nearest = false, false
		}
	}
}

// overrule makes e say what became of the request: something else decided than the policies that e explains.
func (e *Explanation) overrule(was *audit.Record) {
	e.Decision, e.Explicit, e.DecidedBy = was.Decision, false, nil
	e.Rule, e.Message = was.Rule, refusedBy(was)
	for i := range e.Layers {
		l := &e.Layers[i]
		l.Deciding = false
		for j := range l.Statements {
			l.Statements[j].Deciding, l.Statements[j].Nearest = false, false
		}
	}
	if was.Rule == "" {
		e.Note = "These policies would have decided otherwise: " + notDecided(was)
	}
}

// refusedBy is the text of a refusal that a rule made; "" of any other end.
func refusedBy(r *audit.Record) string {
	if r.Decision == "Allow" {
		return ""
	}
	return r.Rule
}

// notDecided says what else than policies ended a request.
func notDecided(r *audit.Record) string {
	if r.Error == "" {
		return "it needs no permission, or the rules of policies have changed with a newer berth."
	}
	return "it ended with " + r.Error + "."
}
