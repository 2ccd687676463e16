package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/berth-registry/berth/storage/audit"
)

// AuditCmd is `berth audit`.
type AuditCmd struct {
	Target
	Since     time.Duration `help:"How far back to look." default:"1h"`
	Account   string        `help:"Only calls of this account, or on what it owns."`
	Principal string        `help:"Only calls of this principal (ARN)."`
	Action    string        `help:"Only this action, such as ecr:PutImage."`
	Resource  string        `help:"Only calls on this resource (ARN)."`
	RequestID string        `name:"request-id" help:"Only this request."`
	Denied    bool          `help:"Only what was refused."`
	Limit     int           `help:"How many records at the most, the last ones." default:"1000"`
}

// Run prints the records of the running server.
func (c *AuditCmd) Run(ctx context.Context, cli *CLI) error {
	in := map[string]any{"from": time.Now().Add(-c.Since).Unix(), "limit": c.Limit}
	for name, value := range map[string]string{"account": c.Account, "principal": c.Principal, "action": c.Action, "resource": c.Resource, "requestId": c.RequestID} {
		if value != "" {
			in[name] = value
		}
	}
	if c.Denied {
		in["decision"] = "Deny"
	}
	var out struct {
		Records []string `json:"records"`
	}
	if err := c.call(ctx, "LookUpAudit", in, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		for _, line := range out.Records {
			fmt.Println(line)
		}
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tDECISION\tACTION\tPRINCIPAL\tRESOURCE\tWHAT\tDECIDED BY")
	for _, line := range out.Records {
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Time.Local().Format(time.DateTime), r.Decision, r.Action, r.Principal, r.Resource, what, by)
	}
	return w.Flush()
}
