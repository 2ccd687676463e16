package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/berth-registry/berth/api/front"
)

// HostsCmd is `berth hosts`.
type HostsCmd struct {
	Target
	Domain  string   `help:"The domain that serve was given." env:"BERTH_DOMAIN" placeholder:"NAME"`
	Regions []string `help:"The regions that serve was given." default:"us-east-1,us-east-2,us-west-2" env:"BERTH_REGIONS" placeholder:"REGION"`
	Address string   `help:"Address of the server." default:"127.0.0.1"`
	Account []string `help:"Accounts to name; those of the running server unless given."`
	DNS     bool     `name:"dns" help:"Print the names of a DNS zone or a certificate, with wildcards, and not lines for /etc/hosts."`
}

// Run prints the names.
func (c *HostsCmd) Run(ctx context.Context, cli *CLI) error {
	if c.Domain == "" {
		return errors.New("without --domain registries have no names of their own: they are HOST:PORT/{account}/{region}/{repository}, and nothing is needed in /etc/hosts")
	}
	names := front.Names{Domain: c.Domain, Regions: c.Regions}
	var list []string
	if c.DNS {
		list = names.Wildcards()
	} else {
		if len(c.Account) == 0 {
			var out struct {
				Accounts []struct{ ID string } `json:"accounts"`
			}
			if err := c.call(ctx, "ListAccounts", struct{}{}, &out); err != nil {
				return fmt.Errorf("%w (name the accounts with --account when the server is not running)", err)
			}
			for _, a := range out.Accounts {
				c.Account = append(c.Account, a.ID)
			}
		}
		list = names.Hosts(c.Account)
	}
	if cli.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(list)
	}
	for _, name := range list {
		if c.DNS {
			fmt.Printf("%s. A %s\n", strings.TrimSuffix(name, "."), c.Address)
		} else {
			fmt.Printf("%s %s\n", c.Address, name)
		}
	}
	return nil
}
