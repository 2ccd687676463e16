package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/check"
)

// FsckCmd is `berth fsck`.
type FsckCmd struct {
	server.Installation `embed:""`

	Deep   bool     `help:"Read every stored byte again, and not only how many there are."`
	Resume bool     `help:"Go on where a --deep run was interrupted: what it has read is not read again."`
	Region string   `help:"Look only at the repositories of one region." placeholder:"REGION"`
	Repair []string `help:"What to mend, of quarantine, leaks and store: quarantine keeps layers from being served whose bytes are wrong, leaks gives back what nothing leads to, store has blob stores used that took the place of lost ones." placeholder:"NAME,…"`
}

// Help is the longer text of `berth fsck --help`.
func (c *FsckCmd) Help() string {
	return `Looks whether everything that an installation keeps is whole: its database, images, tags, layers, identities and audit log. It works beside running servers, and changes nothing unless --repair asks for it. Name the database and the blob stores as for berth serve.

A layer that is quarantined is answered with an error, and clients are told that it is not there: whoever pushes an image with it brings good bytes, and it is served again.

A run with --deep notes in fsck.json of the data folder how far it is. With --resume it goes on there, also after a crash; layers that it found damaged are read again and named again.

It ends with 0 when everything is as it has to be, with 1 when something was found, and with 2 when it could not look at everything.`
}

// Validate refuses repairs that there are not.
func (c *FsckCmd) Validate() error {
	if c.Resume && !c.Deep {
		return errors.New("--resume: only what --deep reads takes long enough to go on with it")
	}
	for _, name := range c.Repair {
		if name != "quarantine" && name != "leaks" && name != "store" {
			return fmt.Errorf("--repair: there is no %q; there are quarantine, leaks and store", name)
		}
	}
	return nil
}

// Run looks at the installation and prints what it finds.
func (c *FsckCmd) Run(ctx context.Context, cli *CLI) error {
	found := 0
	p := newProgressLine(os.Stderr)
	run := &check.Run{
		Region: c.Region, Deep: c.Deep, Resume: c.Resume, Quarantine: slices.Contains(c.Repair, "quarantine"), Leaks: slices.Contains(c.Repair, "leaks"), Store: slices.Contains(c.Repair, "store"),
		Progress: p.show,
		Report: func(f check.Finding) {
			found++
			p.clear()
			if cli.Output == "json" {
				json.NewEncoder(os.Stdout).Encode(f) //nolint:errcheck // a broken pipe ends the program
				return
			}
			fmt.Println(f)
		},
	}
	err := c.Check(ctx, run)
	p.clear()
	switch {
	case err != nil:
		return exit{2, fmt.Errorf("fsck: not everything could be looked at: %w", err)}
	case found > 0:
		return exit{1, fmt.Errorf("fsck: %d findings", found)}
	}
	if cli.Output != "json" {
		fmt.Println("everything is as it has to be")
	}
	return nil
}

// progressLine shows how far something has come: on a terminal in one line that is written over, elsewhere in a line each minute, which a timer's log or a job's keeps.
type progressLine struct {
	out      io.Writer
	terminal bool
	step     string
	began    time.Time // of the step
	shown    time.Time
}

const (
	// progressEvery is how often the line changes on a terminal, and progressSeldom how often there is one elsewhere.
	progressEvery  = 200 * time.Millisecond
	progressSeldom = time.Minute
)

func newProgressLine(f *os.File) *progressLine {
	return &progressLine{out: f, terminal: term.IsTerminal(int(f.Fd())), shown: time.Now()}
}

func (p *progressLine) show(step string, done, total int64) { p.showAt(time.Now(), step, done, total) }

func (p *progressLine) showAt(now time.Time, step string, done, total int64) {
	if step != p.step {
		p.step, p.began = step, now
		if p.terminal {
			p.shown = time.Time{}
		}
	}
	if p.due(now) {
		p.print(progressText(step, done, total, now.Sub(p.began)))
	}
}

// due reports whether it is time for the next line, and is told once for each.
func (p *progressLine) due(now time.Time) bool {
	every := progressSeldom
	if p.terminal {
		every = progressEvery
	}
	if now.Sub(p.shown) < every {
		return false
	}
	p.shown = now
	return true
}

func (p *progressLine) print(text string) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r\033[K%s", text)
	} else {
		fmt.Fprintln(p.out, text)
	}
}

// progressText says how much of a step is done, and how long the rest takes if it goes on like this.
func progressText(step string, done, total int64, took time.Duration) string {
	var b strings.Builder
	amount := func(n int64) string {
		if step == "bytes" {
			return size(n)
		}
		return fmt.Sprint(n)
	}
	fmt.Fprintf(&b, "%s: %s of %s", step, amount(done), amount(total))
	if done > 0 && total > done && took > time.Second {
		left := time.Duration(float64(took) * float64(total-done) / float64(done))
		fmt.Fprintf(&b, ", about %s left", left.Round(time.Second))
	}
	return b.String()
}

// clear makes room for a line of text.
func (p *progressLine) clear() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
}
