package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/berth-registry/berth/identity/iam"
)

// ExplainCmd is `berth explain`.
type ExplainCmd struct {
	Target
	RequestID string   `arg:"" optional:"" name:"request-id" help:"The request, by the id that its refusal ends with."`
	Principal string   `help:"Ask whether this principal could: ARN of a user, role or session, or the name of a service." placeholder:"ARN"`
	Action    string   `help:"… do this." placeholder:"ecr:BatchGetImage"`
	Resource  string   `help:"… to this." default:"*" placeholder:"ARN"`
	Context   []string `help:"… with this condition key; values are separated by commas, and the flag may be repeated." placeholder:"KEY=VALUE" sep:"none"`
	At        string   `help:"… at this time (RFC 3339); now, unless given." placeholder:"TIME"`
}

// Help is the longer text of `berth explain --help`.
func (c *ExplainCmd) Help() string {
	return `A past request is explained as it was decided, by the policies of that time. A question (--principal, --action, --resource) is decided by the policies of now.
Your own requests need no permission; those of others and questions need berth:Explain in your account, which must be that of the principal or of the resource's owner,
or manage the organization of either, or be the installation's first account. Layers of other accounts are hidden.`
}

// Run asks the running server.
func (c *ExplainCmd) Run(ctx context.Context, cli *CLI) error {
	in, err := c.input()
	if err != nil {
		return err
	}
	var out struct{ Explanation string }
	if err := c.call(ctx, "Explain", in, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		fmt.Println(out.Explanation)
		return nil
	}
	var e iam.Explanation
	if err := json.Unmarshal([]byte(out.Explanation), &e); err != nil {
		return unreadable(err)
	}
	writeExplanation(os.Stdout, &e, colors(os.Stdout))
	return nil
}

func (c *ExplainCmd) input() (map[string]any, error) {
	if (c.RequestID == "") == (c.Principal == "") {
		return nil, errors.New("name a request by its id, or ask with --principal, --action and --resource")
	}
	if c.RequestID != "" {
		return map[string]any{"requestId": c.RequestID}, nil
	}
	if c.Action == "" {
		return nil, errors.New("--action: which one? For instance ecr:BatchGetImage")
	}
	in := map[string]any{"principal": c.Principal, "action": c.Action, "resource": c.Resource}
	var entries []map[string]any
	for _, pair := range c.Context {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--context: %q is not KEY=VALUE, such as aws:SourceIp=10.0.0.1", pair)
		}
		entries = append(entries, map[string]any{"key": key, "values": strings.Split(value, ",")})
	}
	if entries != nil {
		in["context"] = entries
	}
	if c.At != "" {
		at, err := time.Parse(time.RFC3339, c.At)
		if err != nil {
			return nil, fmt.Errorf("--at: %q is no time, such as 2026-01-31T12:00:00Z", c.At)
		}
		in["at"] = at.Unix()
	}
	return in, nil
}
