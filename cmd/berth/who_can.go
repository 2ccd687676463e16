package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/berth-registry/berth/identity/iam"
)

// WhoCanCmd is `berth who-can`.
type WhoCanCmd struct {
	Target
	Action   string `arg:"" help:"An action, such as ecr:BatchGetImage."`
	Resource string `required:"" help:"On which resource." placeholder:"ARN"`
}

// Help is the longer text of `berth who-can --help`.
func (c *WhoCanCmd) Help() string {
	return `Lists who can do an action on a resource by the policies of now, and through which statement: users, roles, root users, services, and of other accounts than the owner's
the account as a whole; the installation's first account sees all by name. What depends on the request is told as "if …". It needs berth:WhoCan in the account
that owns the resource, or in the first one.`
}

// Run prints each as it is found.
func (c *WhoCanCmd) Run(ctx context.Context, cli *CLI) error {
	in := map[string]any{"action": c.Action, "resource": c.Resource}
	return pages(ctx, &c.Target, "WhoCan", in, func(page struct{ Grantees []string }) error {
		for _, text := range page.Grantees {
			if cli.Output == "json" {
				fmt.Println(text)
				continue
			}
			var g iam.Grantee
			if err := json.Unmarshal([]byte(text), &g); err != nil {
				return unreadable(err)
			}
			writeGrantee(&g)
		}
		return nil
	})
}

func writeGrantee(g *iam.Grantee) {
	through := layerName(g.Through.Layer, "")
	switch {
	case g.Through.Statement >= 0:
		through += ", " + statementOf(g.Through.Policy, g.Through.PolicyARN, g.Through.Statement, g.Through.Sid)
	case g.Type == "root":
		through = "root user: needs no policy"
	}
	fmt.Printf("%-8s %s\n         through %s\n", g.Type, g.ARN, through)
	for _, condition := range g.Conditions {
		fmt.Printf("         %s\n", condition)
	}
}
