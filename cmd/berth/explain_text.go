package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
)

// palette colours words; the zero palette leaves them as they are.
type palette struct{ on bool }

// colors are for terminals only, and not for those who do not want them (no-color.org).
func colors(f *os.File) palette {
	info, err := f.Stat()
	return palette{err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""}
}

func (p palette) paint(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bold(s string) string { return p.paint("1", s) }
func (p palette) dim(s string) string  { return p.paint("2", s) }

// result colours what somebody or something said.
func (p palette) result(s string) string {
	switch s {
	case "allow", "Allow", "ALLOWED", "yes":
		return p.paint("32", s)
	case "deny", "Deny", "DENIED", "no":
		return p.paint("31", s)
	}
	return p.paint("33", s)
}

// writeExplanation tells people: the decision, why, the smallest change, then every layer.
func writeExplanation(w io.Writer, e *iam.Explanation, p palette) {
	word := map[string]string{"Allow": "ALLOWED", "Deny": "DENIED"}[e.Decision]
	fmt.Fprintf(w, "%s  %s on %s\n", p.result(cmp.Or(word, strings.ToUpper(e.Decision))), e.Action, e.Resource)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-10s %s\n", name, value)
		}
	}
	line("by", cmp.Or(e.Principal, "nobody"))
	line("role", e.Role)
	if e.Owner != e.Account {
		line("owner", e.Owner)
	}
	line("at", e.Time.Format(time.RFC3339))
	line("request", e.RequestID)
	fmt.Fprintln(w)

	fmt.Fprintln(w, p.bold("Why"))
	if e.Message != "" {
		fmt.Fprintf(w, "  %s\n", e.Message)
	}
	if d := e.DecidedBy; d != nil && d.Statement >= 0 {
		fmt.Fprintf(w, "  %s by %s, %s\n", map[string]string{"Allow": "Allowed", "Deny": "Denied"}[e.Decision], statementOf(d.Policy, d.PolicyARN, d.Statement, d.Sid), layerName(d.Layer, ""))
	}
	if e.Rule != "" && e.Rule != e.Message {
		fmt.Fprintf(w, "  %s\n", e.Rule)
	}
	if e.Note != "" {
		fmt.Fprintf(w, "  %s\n", e.Note)
	}
	if len(e.Changes) > 0 {
		title := "The smallest change that would allow it"
		for i := range e.Ask {
			if title = "The smallest change on your side, which may not be enough"; e.Ask[i].Refuses {
				title = "The smallest change on your side, which is not enough"
				break
			}
		}
		fmt.Fprintf(w, "\n%s\n", p.bold(title))
		for _, c := range e.Changes {
			fmt.Fprintf(w, "  - %s\n", c.Text)
			if len(c.Add) > 0 {
				fmt.Fprintf(w, "      %s\n", indented(c.Add, "      "))
			}
		}
	}
	if len(e.Ask) > 0 {
		fmt.Fprintf(w, "\n%s\n", p.bold("Whom to ask"))
		for i := range e.Ask {
			fmt.Fprintf(w, "  - %s\n", e.Ask[i].Text)
		}
	}
	if len(e.Layers) > 0 {
		fmt.Fprintf(w, "\n%s\n", p.bold("Layers"))
	}
	for i := range e.Layers {
		writeLayer(w, &e.Layers[i], e, p)
	}
}

func writeLayer(w io.Writer, l *iam.ExplainedLayer, e *iam.Explanation, p palette) {
	mark := " "
	if l.Deciding {
		mark = ">"
	}
	fmt.Fprintf(w, "%s %-34s %s", mark, layerName(l.Layer, l.Target), p.result(l.Result))
	switch {
	case l.Hidden && l.VisibleTo != "":
		fmt.Fprintf(w, "  %s", p.dim("hidden: account "+l.VisibleTo+" may see it"))
	case l.Hidden:
		fmt.Fprintf(w, "  %s", p.dim("hidden: the installation's operator may see it"))
	case len(l.Statements) == 0 && l.Result == "none":
		fmt.Fprintf(w, "  %s", p.dim("no policy"))
	}
	fmt.Fprintln(w)
	for i := range l.Statements {
		writeStatement(w, &l.Statements[i], e, p)
	}
}

func writeStatement(w io.Writer, s *iam.ExplainedStatement, e *iam.Explanation, p palette) {
	word, why := p.result("no"), ""
	if s.Applies {
		word = p.result(strings.ToLower(s.Effect))
	}
	if s.Nearest {
		why = p.dim("  (the nearest)")
	}
	fmt.Fprintf(w, "    %s %s%s\n", statementOf(s.Policy, s.PolicyARN, s.Statement, s.Sid), word, why)
	if s.Applies {
		return
	}
	var written struct{ Action, NotAction, Resource, NotResource, Principal, NotPrincipal json.RawMessage }
	_ = json.Unmarshal(s.Text, &written) // a statement that cannot be read shows without its values
	fails := func(part policy.Part, has string, wants json.RawMessage) {
		if part.Matched {
			return
		}
		text := fmt.Sprintf("%s: the request has %s", part.Element, has)
		switch {
		case part.Reason == "no_element":
			text = "it has no such element"
		case part.Value != "" && len(wants) == 0:
			text += ", the policy has " + part.Value
		case len(wants) > 0:
			text += ", the policy has " + compact(wants)
		}
		fmt.Fprintf(w, "        %s %s (%s)\n", p.result("no"), text, part.Reason)
	}
	fails(s.Action, e.Action, first(written.Action, written.NotAction))
	fails(s.Resource, e.Resource, first(written.Resource, written.NotResource))
	if s.Principal != nil {
		fails(*s.Principal, cmp.Or(e.Principal, "nobody"), first(written.Principal, written.NotPrincipal))
	}
	for _, c := range s.Conditions {
		if c.Matched {
			continue
		}
		var wants []string
		for _, v := range c.Values {
			wants = append(wants, cmp.Or(v.Substituted, v.Value))
		}
		has := strings.Join(c.Request, ", ")
		if c.Absent {
			has = "no such key"
		}
		fmt.Fprintf(w, "        %s %s %s: the request has %s, the policy has %s (%s)\n", p.result("no"), c.Operator, c.Key, has, strings.Join(wants, ", "), c.Reason)
	}
}

func first(a, b json.RawMessage) json.RawMessage {
	if len(a) > 0 {
		return a
	}
	return b
}

// compact is JSON on one line.
func compact(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return string(text)
	}
	return out.String()
}

// indented is JSON on many lines, all but the first with a prefix.
func indented(text json.RawMessage, prefix string) string {
	var out bytes.Buffer
	if json.Indent(&out, text, prefix, "  ") != nil {
		return string(text)
	}
	return out.String()
}

// statementOf names a statement: by its policy, and its Sid or number.
func statementOf(name, arn string, statement int, sid string) string {
	which := sid
	if which == "" {
		which = fmt.Sprintf("#%d", statement)
	}
	return fmt.Sprintf("statement %s of %s", which, cmp.Or(arn, name))
}

// layerName is what people call a layer.
func layerName(l policy.Layer, target string) string {
	name := map[policy.Layer]string{
		policy.LayerSCP: "service control policies", policy.LayerRCP: "resource control policies", policy.LayerResource: "repository policy", policy.LayerRegistry: "registry policy",
		policy.LayerTrust: "trust policy", policy.LayerIdentity: "identity policies", policy.LayerBoundary: "permissions boundary", policy.LayerSession: "session policy",
		policy.LayerEndpoint: "endpoint policy",
	}[l]
	if target != "" {
		name += " of " + target
	}
	return cmp.Or(name, string(l))
}
