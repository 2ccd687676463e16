package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// HealthCmd is `berth health`.
type HealthCmd struct {
	Target
}

// Help is the longer text of `berth health --help`.
func (c *HealthCmd) Help() string {
	return `Asks a running server whether it is ready for requests, as its /readyz says. It ends with 0 if it is, and with 1 if not: for the health checks of containers, where there is no other program. It needs no credentials.`
}

// Run asks the running server.
func (c *HealthCmd) Run(ctx context.Context, cli *CLI) error {
	err := c.ready(ctx)
	if cli.Output == "json" {
		h := struct {
			Ready bool   `json:"ready"`
			Error string `json:"error,omitempty"`
		}{Ready: err == nil}
		if err != nil {
			h.Error = err.Error()
		}
		return errors.Join(err, printJSON(h))
	}
	if err == nil {
		fmt.Println("ready")
	}
	return err
}

// ready fails with why the server is not.
func (c *HealthCmd) ready(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	client.Timeout = 5 * time.Second
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.url(), "/")+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("--endpoint: %q is not the URL of a server, such as %s", c.url(), localEndpoint)
	}
	resp, err := client.Do(req)
	if err != nil {
		return caller{endpoint: c.url()}.unreachable(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("the server's answer broke off: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	return nil
}
