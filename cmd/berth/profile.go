package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ProfileCmd is `berth profile`.
type ProfileCmd struct {
	Target

	Kind    string `arg:"" enum:"cpu,heap,goroutine,trace" help:"What to look at: ${enum}."`
	Seconds int    `help:"For how long, of cpu and trace: 1 to 120 (default: ${default})." default:"10" placeholder:"N"`
	To      string `short:"o" name:"to" help:"File to write to, or - for the output (default: berth-KIND.pprof, or berth-trace.out)." placeholder:"FILE"`
}

// Help is the longer text of `berth profile --help`.
func (c *ProfileCmd) Help() string {
	return `Captures where the time (cpu) or the memory (heap) of a running server goes, what it waits for (goroutine), or everything that it does (trace). It tells names of functions, and no data. It needs berth:CaptureProfile. Behind a load balancer any server answers: name one with --endpoint.

Look at it with  go tool pprof -http=: FILE  or, of a trace,  go tool trace FILE.`
}

// Validate refuses times that the server refuses.
func (c *ProfileCmd) Validate() error {
	if c.Seconds < 1 || c.Seconds > 120 {
		return errors.New("--seconds: name a time from 1 to 120")
	}
	return nil
}

// Run asks the running server, and says meanwhile how far it is.
func (c *ProfileCmd) Run(ctx context.Context, cli *CLI) error {
	who, err := c.caller(ctx)
	if err != nil {
		return err
	}
	who.http.Timeout += time.Duration(c.Seconds) * time.Second
	var out struct {
		Profile []byte `json:"profile"`
		Server  string `json:"server"`
	}
	answered := make(chan error, 1)
	go func() {
		answered <- who.call(ctx, "CaptureProfile", map[string]any{"kind": c.Kind, "seconds": c.Seconds}, &out)
	}()
	if err := c.wait(answered); err != nil {
		return err
	}
	if c.To == "-" {
		_, err := os.Stdout.Write(out.Profile)
		return err
	}
	file, tool := cmp.Or(c.To, "berth-"+c.Kind+".pprof"), "pprof -http=:"
	if c.Kind == "trace" {
		file, tool = cmp.Or(c.To, "berth-trace.out"), "trace"
	}
	if err := os.WriteFile(file, out.Profile, 0o600); err != nil {
		return err
	}
	if cli.Output == "json" {
		return printJSON(map[string]any{"file": file, "bytes": len(out.Profile), "server": out.Server})
	}
	fmt.Printf("%s of %s is in %s (%s); look at it with\n\n  go tool %s %s\n", c.Kind, out.Server, file, size(int64(len(out.Profile))), tool, quote(file))
	return nil
}

// wait shows how far the server is, until it has answered.
func (c *ProfileCmd) wait(answered <-chan error) error {
	line, began := newProgressLine(os.Stderr), time.Now()
	defer line.clear()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-answered:
			return err
		case <-tick.C:
			if c.Kind == "cpu" || c.Kind == "trace" {
				line.show("seconds of "+c.Kind, min(int64(time.Since(began).Seconds()), int64(c.Seconds)), int64(c.Seconds))
			}
		}
	}
}
