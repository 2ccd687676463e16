package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// ImageCmd is `berth image`.
type ImageCmd struct {
	List ImageListCmd `cmd:"" help:"List the images of a repository, each with its platforms, signatures, SBOMs and attestations as one."`
	Show ImageShowCmd `cmd:"" help:"Show an image with everything that belongs to it, as a tree."`

	Removed ImageRemovedCmd `cmd:"" help:"List the images that were deleted and can be brought back."`
	Restore ImageRestoreCmd `cmd:"" help:"Bring back an image that was deleted, with its tags and what referred to it."`
	Lock    ImageLockCmd    `cmd:"" help:"Keep an image from being deleted, expired and archived, and its tag from moving."`
	Unlock  ImageUnlockCmd  `cmd:"" help:"Take the lock of an image away."`
	Locks   ImageLocksCmd   `cmd:"" help:"List the locks of a repository."`

	TagPattern ImageTagPatternCmd `cmd:"" help:"Show, set or clear the pattern that the tags of a repository have to match."`
}

// Repository says which repository a command is about, in the region of the caller's profile or AWS_REGION.
type Repository struct {
	Target
	Repository string `arg:"" help:"Name of the repository." placeholder:"REPOSITORY"`
	RegistryID string `name:"registry-id" help:"Account that owns the repository (default: the caller's)." placeholder:"ID"`
}

// about is the beginning of a call about the repository.
func (r *Repository) about() map[string]any {
	in := map[string]any{"repositoryName": r.Repository}
	if r.RegistryID != "" {
		in["registryId"] = r.RegistryID
	}
	return in
}

// imageNode is an image and what belongs to it, as berth's own service shows it.
type imageNode struct {
	Digest            string      `json:"digest"`
	Tags              []string    `json:"tags,omitempty"`
	MediaType         string      `json:"mediaType"`
	ArtifactMediaType string      `json:"artifactMediaType,omitempty"`
	Purpose           string      `json:"purpose,omitempty"`
	Platform          string      `json:"platform,omitempty"`
	SizeInBytes       int64       `json:"sizeInBytes"`
	PushedAt          float64     `json:"pushedAt"`
	LastPulledAt      float64     `json:"lastPulledAt,omitempty"`
	LastPulledBy      string      `json:"lastPulledBy,omitempty"`
	Status            string      `json:"status"`
	Locks             []string    `json:"locks,omitempty"`
	Children          []imageNode `json:"children,omitempty"`
	Referrers         []imageNode `json:"referrers,omitempty"`
	More              bool        `json:"more,omitempty"`
}

// active is the status of an image that can be pulled.
const active = "ACTIVE"

// ImageListCmd is `berth image list`.
type ImageListCmd struct{ Repository }

// Help is the longer text of `berth image list --help`.
func (c *ImageListCmd) Help() string {
	return `What belongs to an image is not listed by itself: the platforms of an index, unless they have tags, and signatures, SBOMs and attestations of images that are there.
It needs berth:DescribeImageGraph on the repository. aws ecr describe-images lists every manifest, as ECR does.`
}

// Run lists the images, page after page.
func (c *ImageListCmd) Run(ctx context.Context, cli *CLI) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	in, all := c.about(), []imageNode{}
	for {
		var out struct {
			Images    []imageNode
			NextToken string
		}
		if err := c.call(ctx, "DescribeImageGraph", in, &out); err != nil {
			return err
		}
		if cli.Output == "json" {
			all = append(all, out.Images...)
		}
		for i := range out.Images {
			n := &out.Images[i]
			fmt.Fprintf(w, "%s\t%s\t%s\tpushed %s\tpulled %s\t%s\n", cmp.Or(strings.Join(n.Tags, ","), "<untagged>"), n.short(), size(n.SizeInBytes), moment(n.PushedAt), moment(n.LastPulledAt), n.summary())
		}
		if out.NextToken == "" {
			break
		}
		in["nextToken"] = out.NextToken
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(map[string][]imageNode{"images": all})
	}
	return w.Flush()
}

// ImageShowCmd is `berth image show`.
type ImageShowCmd struct {
	Repository
	Image string `arg:"" help:"Tag or digest of the image." placeholder:"TAG|DIGEST"`
}

// Help is the longer text of `berth image show --help`.
func (c *ImageShowCmd) Help() string {
	return `What a signature or an attestation is, is told by the type that it gives itself; nothing is verified. Looking is no pull. It needs berth:DescribeImageGraph on the repository.`
}

// Run shows the image.
func (c *ImageShowCmd) Run(ctx context.Context, cli *CLI) error {
	in := c.about()
	in["image"] = c.Image
	var out struct{ Images []imageNode }
	if err := c.call(ctx, "DescribeImageGraph", in, &out); err != nil {
		return err
	}
	if len(out.Images) != 1 {
		return fmt.Errorf("the server answered with %d images", len(out.Images))
	}
	n := &out.Images[0]
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(n)
	}
	fmt.Printf("%s\n  tags    %s\n  type    %s\n  size    %s\n  pushed  %s\n  pulled  %s\n  status  %s\n", n.Digest, cmp.Or(strings.Join(n.Tags, ", "), "none"),
		strings.TrimSpace(n.MediaType+" "+n.ArtifactMediaType), size(n.SizeInBytes), moment(n.PushedAt), n.pulled(), strings.ToLower(n.Status))
	for _, lock := range n.Locks {
		fmt.Println("  locked ", lock)
	}
	n.tree("")
	if n.More {
		fmt.Println("and more, which is not shown")
	}
	return nil
}

// tree prints what is below the image.
func (n *imageNode) tree(indent string) {
	below := slices.Concat(n.Children, n.Referrers)
	for i := range below {
		branch, further := "├─ ", "│  "
		if i == len(below)-1 {
			branch, further = "└─ ", "   "
		}
		b := &below[i]
		line := cmp.Or(b.Purpose, b.Platform, "image") + "  " + b.Digest + "  " + size(b.SizeInBytes)
		if b.Purpose != "" && b.ArtifactMediaType != "" {
			line += "  " + b.ArtifactMediaType
		}
		if len(b.Tags) > 0 {
			line += "  tagged " + strings.Join(b.Tags, ", ")
		}
		if b.Status != active {
			line += "  " + strings.ToLower(b.Status)
		}
		if b.Purpose == "" {
			line += "  pulled " + b.pulled()
		}
		if len(b.Locks) > 0 {
			line += "  locked"
		}
		fmt.Println(indent + branch + line)
		b.tree(indent + further)
	}
}

// summary is what belongs to the image, in a few words: its platforms, and how many there are of the rest.
func (n *imageNode) summary() string {
	var parts []string
	if n.Purpose != "" {
		parts = append(parts, n.Purpose)
	}
	if n.Status != active {
		parts = append(parts, strings.ToLower(n.Status))
	}
	if len(n.Locks) > 0 {
		parts = append(parts, "locked")
	}
	counts := map[string]int{}
	var walk func(n *imageNode)
	walk = func(n *imageNode) {
		for i := range n.Children {
			if p := n.Children[i].Platform; p != "" {
				parts = append(parts, p)
			}
			walk(&n.Children[i])
		}
		for i := range n.Referrers {
			counts[cmp.Or(n.Referrers[i].Purpose, "referrer")]++
			walk(&n.Referrers[i])
		}
	}
	walk(n)
	for _, purpose := range slices.Sorted(maps.Keys(counts)) {
		text := strconv.Itoa(counts[purpose]) + " " + purpose
		if counts[purpose] > 1 {
			text += "s"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// pulled is when it was last pulled, and by whom if that is known.
func (n *imageNode) pulled() string {
	if n.LastPulledBy == "" {
		return moment(n.LastPulledAt)
	}
	return moment(n.LastPulledAt) + " by " + n.LastPulledBy
}

// short is as much of the digest as people compare.
func (n *imageNode) short() string { return n.Digest[:min(len(n.Digest), len("sha256:")+12)] }

// moment is a time of the wire, in seconds, as people read it; 0 is never.
func moment(seconds float64) string {
	if seconds == 0 {
		return "never"
	}
	return time.Unix(int64(seconds), 0).UTC().Format("2006-01-02T15:04Z")
}

// size is a number of bytes as people read it, in powers of a thousand as docker has them.
func size(bytes int64) string {
	if bytes < 1000 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	value, unit := float64(bytes), 0
	for value >= 1000 && unit < 5 {
		value, unit = value/1000, unit+1
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + " " + "kMGTP"[unit-1:unit] + "B"
}
