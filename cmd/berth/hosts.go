package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/server"
)

// HostsCmd is `berth hosts`.
type HostsCmd struct {
	Target
	server.Names
	Address netip.Addr `help:"Address of the server." default:"127.0.0.1"`
	Account []string   `help:"Accounts to name; those of the running server unless given."`
	DNS     bool       `name:"dns" help:"Print the records of a DNS zone, with wildcards, and not lines for /etc/hosts."`
}

// Validate finds accounts that cannot be.
func (c *HostsCmd) Validate() error {
	for _, a := range c.Account {
		if !arn.IsAccount(a) {
			return fmt.Errorf("--account: %q is not the id of an account: it has twelve digits", a)
		}
	}
	return c.Names.Validate()
}

// Run prints the names.
func (c *HostsCmd) Run(ctx context.Context, cli *CLI) error {
	if c.Domain == "" {
		return errors.New("without --domain registries have no names of their own: they are HOST:PORT/{account}/{region}/{repository}, and nothing is needed in /etc/hosts")
	}
	names := front.Names{Domain: c.Domain, Regions: c.Regions}
	list := names.Wildcards()
	if !c.DNS {
		if len(c.Account) == 0 {
			accounts, err := c.accounts(ctx)
			if err != nil {
				return fmt.Errorf("%w (name the accounts with --account when the server is not running)", err)
			}
			for _, a := range accounts {
				c.Account = append(c.Account, a.ID)
			}
		}
		list = names.Hosts(c.Account)
	}
	if cli.Output == "json" {
		return printJSON(list)
	}
	kind := "A"
	if c.Address.Is6() {
		kind = "AAAA"
	}
	for _, name := range list {
		if c.DNS {
			fmt.Printf("%s. %s %s\n", name, kind, c.Address)
		} else {
			fmt.Printf("%s %s\n", c.Address, name)
		}
	}
	return nil
}
