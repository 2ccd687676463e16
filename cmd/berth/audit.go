package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/berth-registry/berth/storage/audit"
)

// AuditCmd is `berth audit`.
type AuditCmd struct {
	Target
	Since      string `help:"From when on: a time (RFC 3339), or how long ago, such as 15m." placeholder:"TIME"`
	Until      string `help:"Until when, likewise." placeholder:"TIME"`
	Account    string `help:"Only calls of this account, or on what it owns."`
	Principal  string `help:"Only calls of this principal (ARN)."`
	Action     string `help:"Only this action, such as ecr:PutImage."`
	Resource   string `help:"Only calls on this resource (ARN)."`
	Repository string `help:"Only calls on repositories of this name."`
	RequestID  string `name:"request-id" help:"Only this request."`
	Decision   string `help:"Only what was ${enum}." enum:"allowed,denied,any" default:"any"`
	Denied     bool   `help:"The same as --decision=denied."`
	Limit      int    `help:"How many records at the most, the last ones." default:"1000"`
	Follow     bool   `short:"f" help:"Go on, and print records as they come."`
}

// Run prints the records of the running server.
func (c *AuditCmd) Run(ctx context.Context, cli *CLI) error {
	in, err := c.input(time.Now())
	if err != nil {
		return err
	}
	p := &auditPrinter{out: os.Stdout, json: cli.Output == "json", seen: map[string]time.Time{}}
	for {
		var out struct {
			Records []string `json:"records"`
		}
		if err := c.call(ctx, "LookUpAudit", in, &out); err != nil {
			return err
		}
		if err := p.print(out.Records); err != nil || !c.Follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		in["from"] = time.Now().Add(-followBack).Unix()
		in["maxResults"] = 10_000
	}
}

// followBack is how far back --follow looks each time: a record is written when its request is over, with the time at which it began.
const followBack = 2 * time.Minute

func (c *AuditCmd) input(now time.Time) (map[string]any, error) {
	in := map[string]any{"maxResults": c.Limit}
	for name, value := range map[string]string{
		"account": c.Account, "principal": c.Principal, "action": c.Action, "resource": c.Resource, "repository": c.Repository, "requestId": c.RequestID,
	} {
		if value != "" {
			in[name] = value
		}
	}
	for _, flag := range []struct{ name, member, value string }{{"--since", "from", c.Since}, {"--until", "to", c.Until}} {
		if flag.value == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, flag.value)
		if err != nil {
			ago, err := time.ParseDuration(flag.value)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is neither a time, such as 2026-01-31T12:00:00Z, nor how long ago, such as 15m", flag.name, flag.value)
			}
			at = now.Add(-ago)
		}
		in[flag.member] = at.Unix()
	}
	switch {
	case c.Denied || c.Decision == "denied":
		in["decision"] = "Deny"
	case c.Decision == "allowed":
		in["decision"] = "Allow"
	}
	return in, nil
}

// auditPrinter prints each record once.
type auditPrinter struct {
	out    io.Writer
	json   bool
	headed bool
	seen   map[string]time.Time // by line, of late
}

func (p *auditPrinter) print(lines []string) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if !p.json && !p.headed {
		fmt.Fprintln(w, "TIME\tDECISION\tACTION\tPRINCIPAL\tRESOURCE\tWHAT\tDECIDED BY")
		p.headed = true
	}
	for line, at := range p.seen {
		if time.Since(at) > 2*followBack {
			delete(p.seen, line)
		}
	}
	for _, line := range lines {
		if _, before := p.seen[line]; before {
			continue
		}
		p.seen[line] = time.Now()
		if p.json {
			fmt.Fprintln(p.out, line)
			continue
		}
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return fmt.Errorf("the server's answer cannot be read: %w", err)
		}
		what := r.Tag
		if what == "" && len(r.Digest) > 19 {
			what = r.Digest[:19]
		}
		by := r.Layer
		if r.Policy != "" {
			by += " " + r.Policy + " " + r.Statement
		}
		if r.CallerPolicy != "" {
			by += ", and the caller's " + r.CallerPolicy + " " + r.CallerStatement
		}
		if r.Rule != "" {
			by = "rule: " + r.Rule
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Time.Local().Format(time.DateTime), cmp.Or(r.Decision, "-"), r.Action, r.Principal, r.Resource, what, by)
	}
	return w.Flush()
}
