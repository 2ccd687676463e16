package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// InventoryCmd is `berth inventory`.
type InventoryCmd struct {
	Put    InventoryPutCmd    `cmd:"" help:"Report which images workloads use: no lifecycle policy touches them until the report expires."`
	List   InventoryListCmd   `cmd:"" help:"List the reports that count, and those that expired within a week."`
	Delete InventoryDeleteCmd `cmd:"" help:"Forget the report of a source."`
}

// InventoryPutCmd is `berth inventory put`.
type InventoryPutCmd struct {
	Target
	Source     string        `required:"" help:"Name of what reports: its next report takes the place of this one." placeholder:"NAME"`
	Expires    time.Duration `default:"24h" help:"For how long the report counts." placeholder:"24h|7d"`
	AllowEmpty bool          `help:"Take a report that names no image of the account: what only the last report of this source protected is protected no more."`
	File       string        `arg:"" help:"What runs; - is standard input."`
}

// Help is the longer text of `berth inventory put --help`.
func (c *InventoryPutCmd) Help() string {
	return `FILE is what one of these prints, or a list of image references, one in a line:

    kubectl get pods -A -o json
    docker ps --no-trunc --format json
    docker service ls --format json
    docker service inspect $(docker service ls -q)
    aws ecs describe-tasks --cluster C --tasks …
    aws ecs describe-task-definition --task-definition T

References to other registries are left out. A report that names no image of the account is taken for a mistake, as of a command that failed before the pipe, or of the wrong
profile, unless --allow-empty is given: what was reported before stands. When a report expires and no newer one has come, the server's log says so. A reference by tag protects the image that the tag names now, and the one that it names when a policy runs. It needs
berth:PutInventory in the account that owns the images.`
}

// Run reports what the file names.
func (c *InventoryPutCmd) Run(ctx context.Context, _ *CLI) error {
	text, err := readFile(c.File)
	if err != nil {
		return err
	}
	images, err := readInventory(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if len(images) == 0 && !c.AllowEmpty {
		return fmt.Errorf("%s names no image; if nothing is in use any more, say so with --allow-empty", c.File)
	}
	var out struct {
		Taken     int     `json:"taken"`
		ExpiresAt float64 `json:"expiresAt"`
	}
	err = c.call(ctx, "PutInventory", map[string]any{"source": c.Source, "expiresInSeconds": int64(c.Expires / time.Second), "images": images, "allowEmpty": c.AllowEmpty}, &out)
	if err != nil {
		return fmt.Errorf("%w; the profile in use is %s", err, cmp.Or(os.Getenv("AWS_PROFILE"), "default"))
	}
	fmt.Printf("%d of %d references are to images of this account; they are protected until %s\n", out.Taken, len(images), time.Unix(int64(out.ExpiresAt), 0).UTC().Format(time.RFC3339))
	return nil
}

// InventoryListCmd is `berth inventory list`.
type InventoryListCmd struct{ Target }

// Run prints a line for each report.
func (c *InventoryListCmd) Run(ctx context.Context, cli *CLI) error {
	type inventory struct {
		Source     string  `json:"source"`
		Region     string  `json:"region"`
		ReportedBy string  `json:"reportedBy"`
		ReportedAt float64 `json:"reportedAt"`
		ExpiresAt  float64 `json:"expiresAt"`
		Images     int     `json:"images"`
		Expired    bool    `json:"expired,omitempty"`
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for in := map[string]any{}; ; {
		var out struct {
			Inventories []inventory
			NextToken   string
		}
		if err := c.call(ctx, "ListInventories", in, &out); err != nil {
			return err
		}
		for _, i := range out.Inventories {
			if cli.Output == "json" {
				if err := json.NewEncoder(os.Stdout).Encode(i); err != nil {
					return err
				}
				continue
			}
			until := "until"
			if i.Expired {
				until = "expired, protects nothing since"
			}
			fmt.Fprintf(w, "%s\t%s\t%d tags and digests\t%s %s\tby %s\n", i.Source, i.Region, i.Images, until, time.Unix(int64(i.ExpiresAt), 0).UTC().Format(time.RFC3339), i.ReportedBy)
		}
		if out.NextToken == "" {
			return w.Flush()
		}
		in["nextToken"] = out.NextToken
	}
}

// InventoryDeleteCmd is `berth inventory delete`.
type InventoryDeleteCmd struct {
	Target
	Source string `arg:"" help:"Name of the source."`
}

// Run forgets the report.
func (c *InventoryDeleteCmd) Run(ctx context.Context, _ *CLI) error {
	return c.call(ctx, "DeleteInventory", map[string]any{"source": c.Source}, &struct{}{})
}
