package iam

import (
	"slices"
	"strings"

	"github.com/berth-registry/berth/lang/policy"
)

// Ask is an account that has to be asked: its policies are hidden from who had the request explained, and refuse it or could. It encodes as JSON.
type Ask struct {
	// Account may see the policies; "" if only the installation's operator may.
	Account string         `json:"account,omitempty"`
	Layers  []policy.Layer `json:"layers"`
	// Refuses: the refusal named one of the layers. Else what they say is not known to who asks: whether there is anything to change is that account's to say.
	Refuses bool `json:"refuses,omitempty"`
	// Text is a sentence for people.
	Text string `json:"text"`
}

// ask says of a refusal whom else to ask than oneself. It uses what the refusal's text tells (told), and nothing of what the hidden policies say.
func (s *sight) ask(e *Explanation, decision *policy.Decision, told bool) []Ask {
	if e.Decision != "Deny" {
		return nil
	}
	var out []Ask
	for i := range e.Layers {
		l := &e.Layers[i]
		if !l.Hidden || told && !l.Deciding && passed(l.Layer, decision) {
			continue
		}
		at := slices.IndexFunc(out, func(a Ask) bool { return a.Account == l.VisibleTo })
		if at < 0 {
			at = len(out)
			out = append(out, Ask{Account: l.VisibleTo})
		}
		out[at].Layers = append(out[at].Layers, l.Layer)
		out[at].Refuses = out[at].Refuses || l.Deciding
	}
	for i := range out {
		out[i].Text = out[i].word(e)
	}
	return out
}

// passed reports whether it follows from what a refusal names that another layer has let the request pass, by the order of IAMP-5: denials of all layers come
// before what lacks an Allow, and of these the organizations before the resource, the resource of another account before the caller's own policies.
func passed(l policy.Layer, d *policy.Decision) bool {
	if d.Explicit || d.Layer == policy.LayerSCP { // of SCPs both are worded alike
		return false
	}
	order := []policy.Layer{policy.LayerSCP, policy.LayerRCP, policy.LayerResource, policy.LayerRegistry, policy.LayerIdentity, policy.LayerBoundary, policy.LayerSession, policy.LayerEndpoint}
	return slices.Index(order, l) < slices.Index(order, d.Layer)
}

func (a *Ask) word(e *Explanation) string {
	var kinds []string
	for _, l := range a.Layers {
		kinds = append(kinds, l.Noun())
	}
	who, what := "Account "+a.Account, strings.Join(kinds, ", ")
	if a.Account == "" {
		who = "The installation's operator"
	}
	see := " It can ask the same question."
	if e.RequestID != "" {
		see = " It sees more with berth explain and the same id."
	}
	if a.Refuses {
		return who + " has to change its side, which refuses the request (" + what + ")." + see
	}
	return who + " may have to change its side, too: what that says is hidden (" + what + ")." + see
}
