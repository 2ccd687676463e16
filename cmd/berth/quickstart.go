package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/berth-registry/berth/server"
)

// QuickstartCmd is `berth quickstart`: the story of README.md, told by a server that lives as long as the command, and checked step by step.
type QuickstartCmd struct {
	Keep bool `help:"Leave the folder with everything that the story made, and say how to serve it."`
}

// Run tells the story. It fails when a step answers otherwise than it should.
func (c *QuickstartCmd) Run(ctx context.Context, cli *CLI) (err error) {
	dir, err := os.MkdirTemp("", "berth-quickstart-")
	if err != nil {
		return fmt.Errorf("a temporary folder: %w", err)
	}
	tell := newTeller(os.Stdout, cli.Output)
	defer func() {
		if c.Keep {
			tell.kept(dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	// What the server itself logs would only stand between the steps; what goes wrong is said.
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))

	cfg := server.Config{
		Folder: server.Folder{Data: filepath.Join(dir, "data")},
		Names:  server.Names{Regions: []string{"us-east-1", "us-east-2", "us-west-2"}},
		Listen: []string{"127.0.0.1:0"}, Account: vendorID,
	}
	s, err := server.Open(ctx, cfg, server.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	listeners, err := s.Listen()
	if err != nil {
		return err
	}
	ending, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ending, listeners) }()
	defer func() {
		end()
		err = errors.Join(err, <-served)
	}()

	play := &story{
		ctx: ctx, tell: tell, dir: dir, url: listeners.URLs()[0], credentials: cfg.CredentialsFile(), first: s.First.ID,
		http: &http.Client{Transport: wholeAnswers{&http.Transport{}}, Timeout: time.Minute},
	}
	tell.opening(play.url, dir)
	if err := play.all(); err != nil {
		return err
	}
	tell.closing(c.Keep, play.steps)
	return nil
}

// story is a play in steps: after one that went wrong, those that follow do not happen.
type story struct {
	ctx         context.Context
	tell        *teller
	dir, url    string
	credentials string // file
	first       string // account that the first start made
	http        *http.Client
	steps       int
	err         error

	registry string // host and path that image references begin with, as create-repository answered it
	image    *image
}

// step does one thing as somebody, who would type the command for it. run gives the answer, abridged, or says what is wrong with it.
func (s *story) step(who, what, command string, run func() (answer string, err error)) {
	if s.err != nil {
		return
	}
	s.steps++
	answer, err := run()
	told := step{Step: s.steps, As: who, What: what, Command: command, Answer: answer, OK: err == nil}
	if err != nil {
		told.Wrong = err.Error()
		s.err = fmt.Errorf("step %d (%s) did not answer as it should: %w", s.steps, what, err)
	}
	s.tell.step(told)
}

// person reads a profile of the credentials file, as the aws CLI does with --profile.
func (s *story) person(profile string) (aws.Credentials, error) {
	p, err := config.LoadSharedConfigProfile(s.ctx, profile, func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{s.credentials}, []string{}
	})
	return p.Credentials, err
}

// step is what is told of one step. Its JSON is what --output json prints.
type step struct {
	Step    int    `json:"step"`
	As      string `json:"as"`
	What    string `json:"what"`
	Command string `json:"command"`
	Answer  string `json:"answer"`
	OK      bool   `json:"ok"`
	Wrong   string `json:"wrong,omitempty"`
}

// teller prints the story: for people, in colour on a terminal, or as one JSON object a step.
type teller struct {
	out                          io.Writer
	json                         bool
	bold, dim, green, red, plain string
}

func newTeller(out *os.File, form string) *teller {
	t := &teller{out: out, json: form == "json"}
	info, err := out.Stat()
	if err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		t.bold, t.dim, t.green, t.red, t.plain = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
	}
	return t
}

func (t *teller) opening(url, dir string) {
	if !t.json {
		fmt.Fprintf(t.out, "An image is pushed in one account and pulled from another, and nobody else gets it.\nThe server is %s; all that it keeps is in %s.\n", url, dir)
	}
}

func (t *teller) step(s step) {
	if t.json {
		e := json.NewEncoder(t.out)
		e.SetEscapeHTML(false)
		e.Encode(s) //nolint:errcheck // there is nobody left to tell
		return
	}
	fmt.Fprintf(t.out, "\n%s%2d. %s%s\n", t.bold, s.Step, s.What, t.plain)
	for i, line := range strings.Split(s.Command, "\n") {
		prompt := s.As + "$"
		if i > 0 {
			prompt = strings.Repeat(" ", len(prompt))
		}
		fmt.Fprintf(t.out, "    %s%s%s %s\n", t.dim, prompt, t.plain, line)
	}
	colour, text := t.green, s.Answer
	if !s.OK {
		colour, text = t.red, strings.TrimPrefix(s.Answer+"\nWRONG: "+s.Wrong, "\n")
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(t.out, "    %s%s%s\n", colour, line, t.plain)
	}
}

func (t *teller) closing(kept bool, steps int) {
	if t.json {
		return
	}
	fmt.Fprintf(t.out, "\nAll %d steps answered as they should.\n", steps)
	if !kept {
		fmt.Fprint(t.out, "The server and its folder are gone now; `berth quickstart --keep` leaves them. To keep images, start your own:\n\n  berth serve --data ./berth-data\n")
	}
}

// kept says how to go on with what --keep left.
func (t *teller) kept(dir string) {
	out := t.out
	if t.json {
		out = os.Stderr // the lines of standard output are JSON
	}
	fmt.Fprintf(out, "\nEverything is left in %s. To go on with its accounts:\n\n  berth serve --data %s\n\nTo be rid of it: rm -r %s\n", dir, filepath.Join(dir, "data"), dir)
}
