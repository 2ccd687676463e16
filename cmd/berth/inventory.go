package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// InventoryCmd is `berth inventory`.
type InventoryCmd struct {
	Put    InventoryPutCmd    `cmd:"" help:"Report which images workloads use: no lifecycle policy touches them until the report expires."`
	List   InventoryListCmd   `cmd:"" help:"List the reports that count."`
	Delete InventoryDeleteCmd `cmd:"" help:"Forget the report of a source."`
}

// InventoryPutCmd is `berth inventory put`.
type InventoryPutCmd struct {
	Target
	Source  string        `required:"" help:"Name of what reports: its next report takes the place of this one." placeholder:"NAME"`
	Expires time.Duration `default:"24h" help:"For how long the report counts." placeholder:"24h"`
	File    string        `arg:"" help:"What runs; - is standard input."`
}

// Help is the longer text of `berth inventory put --help`.
func (c *InventoryPutCmd) Help() string {
	return `FILE is what one of these prints, or a list of image references, one in a line:

    kubectl get pods -A -o json
    docker service ls --format json
    docker service inspect $(docker service ls -q)
    aws ecs describe-tasks --cluster C --tasks …
    aws ecs describe-task-definition --task-definition T

References to other registries are left out. A reference by tag protects the image that the tag names now, and the one that it names when a policy runs. It needs
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
	var out struct {
		Taken     int     `json:"taken"`
		ExpiresAt float64 `json:"expiresAt"`
	}
	if err := c.call(ctx, "PutInventory", map[string]any{"source": c.Source, "expiresInSeconds": int64(c.Expires / time.Second), "images": images}, &out); err != nil {
		return err
	}
	fmt.Printf("%d of %d references are to images of this account; they are protected until %s\n", out.Taken, len(images), time.Unix(int64(out.ExpiresAt), 0).UTC().Format(time.RFC3339))
	return nil
}

// readInventory finds the references to images in what the tools print: JSON values one after the other, or lines.
func readInventory(text []byte) ([]string, error) {
	found := map[string]bool{}
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				found[line] = true
			}
		}
		return sorted(found), nil
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return sorted(found), nil
		}
		if err != nil {
			return nil, fmt.Errorf("it begins like JSON, and cannot be read as such: %w", err)
		}
		references(v, found)
	}
}

// references adds the images that a value names: Kubernetes calls them image, imageID, and the reference of an image volume; Docker Image; ECS image, and the
// imageDigest beside it.
func references(v any, found map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			references(item, found)
		}
	case map[string]any:
		digest, _ := v["imageDigest"].(string)
		for name, member := range v {
			switch text, isText := member.(string); {
			case !isText:
				if volume, ok := member.(map[string]any); ok && name == "image" {
					if reference, ok := volume["reference"].(string); ok && reference != "" {
						found[reference] = true
					}
				}
				references(member, found)
			case text == "":
			case name == "image" && digest != "":
				image, _, _ := strings.Cut(text, "@")
				found[image+"@"+digest] = true
			case name == "image" || name == "imageID" || name == "Image":
				found[text] = true
			}
		}
	}
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for s := range set {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
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
			fmt.Fprintf(w, "%s\t%s\t%d images\tuntil %s\tby %s\n", i.Source, i.Region, i.Images, time.Unix(int64(i.ExpiresAt), 0).UTC().Format(time.RFC3339), i.ReportedBy)
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
