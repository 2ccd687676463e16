package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
)

// ImageRemovedCmd is `berth image removed`.
type ImageRemovedCmd struct{ Repository }

// Help is the longer text of `berth image removed --help`.
func (c *ImageRemovedCmd) Help() string {
	return `AWS has no such thing. Deleted and expired images are kept for the time that berth serve --keep-removed says, a week by default. It needs berth:ListRemovedImages on the repository.`
}

// Run lists the removed images, page after page.
func (c *ImageRemovedCmd) Run(ctx context.Context, cli *CLI) error {
	type removed struct {
		Digest      string   `json:"digest"`
		Tags        []string `json:"tags,omitempty"`
		SizeInBytes int64    `json:"sizeInBytes"`
		PushedAt    float64  `json:"pushedAt"`
		RemovedAt   float64  `json:"removedAt"`
		RemovedBy   string   `json:"removedBy"`
		Reason      string   `json:"reason"`
		Until       float64  `json:"until"`
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	in, all := c.about(), []removed{}
	for {
		var out struct {
			Images    []removed
			NextToken string
		}
		if err := c.call(ctx, "ListRemovedImages", in, &out); err != nil {
			return err
		}
		if cli.Output == "json" {
			all = append(all, out.Images...)
		}
		for _, i := range out.Images {
			fmt.Fprintf(w, "%s\t%s\t%s\tremoved %s\tby %s\t%s\tuntil %s\n", cmp.Or(strings.Join(i.Tags, ","), "<untagged>"), i.Digest, size(i.SizeInBytes), moment(i.RemovedAt), i.RemovedBy, i.Reason, moment(i.Until))
		}
		if out.NextToken == "" {
			break
		}
		in["nextToken"] = out.NextToken
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(map[string][]removed{"images": all})
	}
	return w.Flush()
}

// ImageRestoreCmd is `berth image restore`.
type ImageRestoreCmd struct {
	Repository
	Image string `arg:"" help:"Tag that the image had, or its digest." placeholder:"TAG|DIGEST"`
}

// Help is the longer text of `berth image restore --help`.
func (c *ImageRestoreCmd) Help() string {
	return `The image comes back as it was when it was last deleted: with its times and its tags, with the signatures and SBOMs that went with it, and as an index with those of its platforms that are gone. A tag that names another image by now stays with that, and is told; so is what a lifecycle policy would do with the image again, and that an archived image cannot be pulled. It needs berth:RestoreImage on the repository.`
}

// Run restores the image.
func (c *ImageRestoreCmd) Run(ctx context.Context, cli *CLI) error {
	in := c.about()
	in["image"] = c.Image
	var out struct {
		Images []struct {
			Digest string   `json:"digest"`
			Tags   []string `json:"tags,omitempty"`
		} `json:"images"`
		Elsewhere []struct {
			Tag    string `json:"tag"`
			Reason string `json:"reason"`
		} `json:"elsewhere,omitempty"`
		Notes []string `json:"notes,omitempty"`
	}
	if err := c.call(ctx, "RestoreImage", in, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	for _, i := range out.Images {
		line := "restored " + i.Digest
		if len(i.Tags) > 0 {
			line += " as " + strings.Join(i.Tags, ", ")
		}
		fmt.Println(line)
	}
	for _, t := range out.Elsewhere {
		fmt.Printf("not the tag %s: %s\n", t.Tag, t.Reason)
	}
	for _, note := range out.Notes {
		fmt.Println("note:", note)
	}
	return nil
}
