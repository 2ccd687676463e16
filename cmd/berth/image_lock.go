package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
)

// imageLock is a lock as berth's own service shows it.
type imageLock struct {
	Image    string  `json:"image"`
	Reason   string  `json:"reason"`
	LockedBy string  `json:"lockedBy"`
	LockedAt float64 `json:"lockedAt"`
}

// ImageLockCmd is `berth image lock`.
type ImageLockCmd struct {
	Repository
	Image  string `arg:"" help:"Tag or digest of the image." placeholder:"TAG|DIGEST"`
	Reason string `required:"" help:"Why it is locked: told to whoever is refused." placeholder:"TEXT"`
}

// Help is the longer text of `berth image lock --help`.
func (c *ImageLockCmd) Help() string {
	return `AWS has no such thing. A lock on a tag keeps the tag where it is, and the image that it names; a lock on a digest keeps the image, whose tags may go as long as it stays. What is locked is not deleted, by request or by a lifecycle policy, and not archived. It needs berth:LockImage on the repository.`
}

// Run locks the image.
func (c *ImageLockCmd) Run(ctx context.Context, cli *CLI) error {
	in := c.about()
	in["image"], in["reason"] = c.Image, c.Reason
	return c.change(ctx, cli, "LockImage", "locked", in)
}

// change runs an operation that answers with one lock.
func (r *Repository) change(ctx context.Context, cli *CLI, operation, done string, in map[string]any) error {
	var out struct {
		Lock imageLock `json:"lock"`
	}
	if err := r.call(ctx, operation, in, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	fmt.Printf("%s %s\n", done, out.Lock.Image)
	return nil
}

// ImageUnlockCmd is `berth image unlock`.
type ImageUnlockCmd struct {
	Repository
	Image string `arg:"" help:"Tag or digest that is locked." placeholder:"TAG|DIGEST"`
}

// Help is the longer text of `berth image unlock --help`.
func (c *ImageUnlockCmd) Help() string { return `It needs berth:UnlockImage on the repository.` }

// Run takes the lock away.
func (c *ImageUnlockCmd) Run(ctx context.Context, cli *CLI) error {
	in := c.about()
	in["image"] = c.Image
	return c.change(ctx, cli, "UnlockImage", "unlocked", in)
}

// ImageLocksCmd is `berth image locks`.
type ImageLocksCmd struct{ Repository }

// Help is the longer text of `berth image locks --help`.
func (c *ImageLocksCmd) Help() string { return `It needs berth:ListImageLocks on the repository.` }

// Run lists the locks, page after page.
func (c *ImageLocksCmd) Run(ctx context.Context, cli *CLI) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	in, all := c.about(), []imageLock{}
	for {
		var out struct {
			Locks     []imageLock
			NextToken string
		}
		if err := c.call(ctx, "ListImageLocks", in, &out); err != nil {
			return err
		}
		if cli.Output == "json" {
			all = append(all, out.Locks...)
		}
		for _, l := range out.Locks {
			fmt.Fprintf(w, "%s\tby %s\tsince %s\t%s\n", l.Image, l.LockedBy, moment(l.LockedAt), l.Reason)
		}
		if out.NextToken == "" {
			break
		}
		in["nextToken"] = out.NextToken
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(map[string][]imageLock{"locks": all})
	}
	return w.Flush()
}

// ImageTagPatternCmd is `berth image tag-pattern`.
type ImageTagPatternCmd struct {
	Repository
	Set   string `help:"Regular expression that each tag has to match as a whole." placeholder:"PATTERN"`
	Clear bool   `help:"Take every tag again."`
}

// Help is the longer text of `berth image tag-pattern --help`.
func (c *ImageTagPatternCmd) Help() string {
	return `AWS has no such thing. A push under a tag that does not match is refused, and the pattern is told. Tags that are there stay. Patterns are in the syntax of RE2. It needs berth:PutTagPattern on the repository, or berth:GetTagPattern to look.`
}

// Run shows or changes the pattern.
func (c *ImageTagPatternCmd) Run(ctx context.Context, cli *CLI) error {
	if c.Clear && c.Set != "" {
		return errors.New("--set and --clear do not go together")
	}
	operation, in := "GetTagPattern", c.about()
	if c.Clear || c.Set != "" {
		operation = "PutTagPattern"
		in["tagPattern"] = c.Set
	}
	var out struct {
		TagPattern string `json:"tagPattern"`
	}
	if err := c.call(ctx, operation, in, &out); err != nil {
		return err
	}
	switch {
	case cli.Output == "json":
		return json.NewEncoder(os.Stdout).Encode(out)
	case out.TagPattern == "":
		fmt.Println("every tag is taken")
	default:
		fmt.Println(out.TagPattern)
	}
	return nil
}
