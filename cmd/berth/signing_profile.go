package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
)

// SigningProfileCmd is `berth signing-profile`.
type SigningProfileCmd struct {
	Create SigningProfileCreateCmd `cmd:"" help:"Make a profile with a key that stays in the server, and print the certificate that verifies it."`
	List   SigningProfileListCmd   `cmd:"" help:"List the profiles of your account in the region."`
	Delete SigningProfileDeleteCmd `cmd:"" help:"Delete a profile and its key: what it has signed stays signed."`
}

// signingProfile is a profile as berth's own service shows it.
type signingProfile struct {
	ARN         string  `json:"arn"`
	Name        string  `json:"name"`
	CreatedAt   float64 `json:"createdAt"`
	Certificate string  `json:"certificate"`
}

// SigningProfileCreateCmd is `berth signing-profile create`.
type SigningProfileCreateCmd struct {
	Target
	Name string `arg:"" help:"Name of the profile: letters, digits and underscores." placeholder:"NAME"`
}

// Help is the longer text of `berth signing-profile create --help`.
func (c *SigningProfileCreateCmd) Help() string {
	return `The certificate is printed alone, so that it can go into a file and from there into a trust store of notation:

  berth signing-profile create release > release.pem
  notation cert add --type ca --store release release.pem

Images are signed when they are pushed, once a rule says so (aws ecr put-signing-configuration), for those who are allowed signer:SignPayload on the profile.
It needs berth:CreateSigningProfile.`
}

// Run makes the profile at the running server.
func (c *SigningProfileCreateCmd) Run(ctx context.Context, cli *CLI) error {
	var out struct{ Profile signingProfile }
	if err := c.call(ctx, "CreateSigningProfile", map[string]string{"name": c.Name}, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		return printJSON(out.Profile)
	}
	fmt.Fprintln(os.Stderr, out.Profile.ARN)
	fmt.Print(out.Profile.Certificate)
	return nil
}

// SigningProfileListCmd is `berth signing-profile list`.
type SigningProfileListCmd struct{ Target }

// Run lists the profiles.
func (c *SigningProfileListCmd) Run(ctx context.Context, cli *CLI) error {
	var out struct {
		Profiles []signingProfile `json:"profiles"`
	}
	if err := c.call(ctx, "ListSigningProfiles", map[string]string{}, &out); err != nil {
		return err
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, p := range out.Profiles {
		fmt.Fprintf(w, "%s\tmade %s\t%s\n", p.Name, moment(p.CreatedAt), p.ARN)
	}
	return w.Flush()
}

// SigningProfileDeleteCmd is `berth signing-profile delete`.
type SigningProfileDeleteCmd struct {
	Target
	Name string `arg:"" help:"Name of the profile." placeholder:"NAME"`
}

// Run deletes the profile.
func (c *SigningProfileDeleteCmd) Run(ctx context.Context, _ *CLI) error {
	return c.call(ctx, "DeleteSigningProfile", map[string]string{"name": c.Name}, &struct{}{})
}
