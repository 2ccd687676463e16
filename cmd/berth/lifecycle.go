package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/berth-registry/berth/registry"
)

// LifecycleCmd is `berth lifecycle`.
type LifecycleCmd struct {
	Preview LifecyclePreviewCmd `cmd:"" help:"Say what a lifecycle policy would do with each image by a date, and why."`
	Protect LifecycleProtectCmd `cmd:"" help:"Keep lifecycle policies from what was pushed or pulled recently."`
}

// LifecyclePreviewCmd is `berth lifecycle preview`.
type LifecyclePreviewCmd struct {
	Repository
	Policy string `help:"A policy to try (default: the repository's own); - is standard input." placeholder:"FILE"`
	At     string `help:"A date such as 2027-01-01, or a time (default: now)." placeholder:"DATE"`
	All    bool   `help:"List the images that stay too, with what keeps them."`
}

// Help is the longer text of `berth lifecycle preview --help`.
func (c *LifecyclePreviewCmd) Help() string {
	return `Nothing is changed. It says what will have become of each image by the date if the policy is carried out from now on: an image that is archived may expire from the archive before the date, and
parts of an index that have tags of their own after the index is gone. What will be pushed and pulled until then is not known, what is in use now is taken to be in use then, and rules that count
images count those that are there now.
Of each rule it tells how many images are its own (those that no rule before it selects), how many of these it would not keep, and how many of those stay all the same, because they
are locked, in use, pushed or pulled recently, or part of an index. The bytes are those of layers that nothing needs any more once the images are gone, in any repository. It needs berth:PreviewLifecyclePolicy on the repository. The same without
dates and reasons is aws ecr start-lifecycle-policy-preview and get-lifecycle-policy-preview.`
}

// Run prints the images and then what becomes of them by rule.
func (c *LifecyclePreviewCmd) Run(ctx context.Context, cli *CLI) error {
	in := c.about()
	in["limit"] = 10_000
	if c.Policy != "" {
		text, err := readFile(c.Policy)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(text)) == 0 { // the server would take it for the repository's own policy
			return fmt.Errorf("--policy: %s is empty", c.Policy)
		}
		in["lifecyclePolicyText"] = string(text)
	}
	if c.At != "" {
		at, err := readDate(c.At)
		if err != nil {
			return err
		}
		in["at"] = at.Unix()
	}
	var summary string
	for {
		var out struct {
			Summary, NextToken string
			Images             []string
		}
		if err := c.call(ctx, "PreviewLifecyclePolicy", in, &out); err != nil {
			return err
		}
		if out.Summary != "" {
			summary = out.Summary
		}
		for _, text := range out.Images {
			if err := c.print(cli, text); err != nil {
				return err
			}
		}
		if out.NextToken == "" {
			break
		}
		in["nextToken"] = out.NextToken
	}
	if cli.Output == "json" {
		fmt.Println(summary)
		return nil
	}
	var f registry.Forecast
	if err := json.Unmarshal([]byte(summary), &f); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if len(f.Rules) > 0 {
		fmt.Println()
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tACTION\tIMAGES\tTO GO\tPROTECTED\tCOMES FREE\tDESCRIPTION")
	for _, r := range f.Rules {
		fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%d\t%s\t%s\n", r.Priority, r.Action, r.Owns, r.Chosen, r.Protected, size(r.Free), r.Description)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	least := ""
	if f.Partly {
		least = "at least "
	}
	fmt.Printf("at %s: of %d images %d expire, %d are archived, %s%s come free\n", f.At.Format(time.RFC3339), f.Images, f.Expired, f.Archived, least, size(f.Free))
	return nil
}

func (c *LifecyclePreviewCmd) print(cli *CLI, text string) error {
	var i registry.ForecastImage
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if !c.All && i.Action == "keep" && i.Protected != "lock" && i.Protected != "use" && i.Protected != "grace" && i.Protected != "pulled" {
		return nil
	}
	if cli.Output == "json" {
		fmt.Println(text)
		return nil
	}
	name := string(i.Digest)
	if len(i.Tags) > 0 {
		name = strings.Join(i.Tags, ",") + " " + name
	}
	fmt.Printf("%-7s %s\n        %s\n", i.Action, name, i.Reason)
	return nil
}

// readDate reads a date, at its beginning in UTC, or a time.
func readDate(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date such as 2027-01-01, and no time such as 2027-01-01T12:00:00Z", text)
}

// readFile reads a file, or standard input for "-".
func readFile(name string) ([]byte, error) {
	if name == "-" {
		name = os.Stdin.Name()
	}
	return os.ReadFile(name)
}

// LifecycleProtectCmd is `berth lifecycle protect`.
type LifecycleProtectCmd struct {
	Target
	Grace        *time.Duration `help:"No lifecycle policy touches what was pushed within this time; 0 ends it." placeholder:"72h|3d"`
	PulledWithin *time.Duration `help:"Nor what was pulled within this time; 0 ends it." placeholder:"720h|30d"`
}

// Help is the longer text of `berth lifecycle protect --help`.
func (c *LifecycleProtectCmd) Help() string {
	return `It holds for all repositories of the caller's account in the region of the caller's profile or AWS_REGION. AWS has nothing like it; without it policies do what they say. Without flags it is
shown. It needs berth:PutLifecycleProtection, or berth:GetLifecycleProtection.`
}

// Run changes what is given, and prints what holds then.
func (c *LifecycleProtectCmd) Run(ctx context.Context, cli *CLI) error {
	var have struct {
		GraceSeconds        int64 `json:"graceSeconds"`
		PulledWithinSeconds int64 `json:"pulledWithinSeconds"`
	}
	operation, change := "GetLifecycleProtection", map[string]int64{}
	for name, d := range map[string]*time.Duration{"graceSeconds": c.Grace, "pulledWithinSeconds": c.PulledWithin} {
		if d != nil {
			operation, change[name] = "PutLifecycleProtection", int64(*d/time.Second)
		}
	}
	if err := c.call(ctx, operation, change, &have); err != nil {
		return err
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(have)
	}
	for _, p := range []struct {
		what    string
		seconds int64
	}{{"pushed", have.GraceSeconds}, {"pulled", have.PulledWithinSeconds}} {
		if p.seconds == 0 {
			fmt.Printf("no image is kept for having been %s recently\n", p.what)
			continue
		}
		fmt.Printf("images that were %s within %s are kept\n", p.what, span(time.Duration(p.seconds)*time.Second))
	}
	return nil
}

// span is a duration as people write it, and as flags take it: 72h, not 72h0m0s.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
