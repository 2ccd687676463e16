// Command bench measures berth beside its peers: distribution (as it is, and with passwords), zot and olareg where a binary is on PATH, and nginx serving the same bytes as files,
// which is the limit for pulls as "floor" (receive, hash, write, fsync and nothing else) is for pushes.
//
//	go run ./bench                                     every scenario, every target that is here
//	go run ./bench -targets berth,nginx -scenarios pull-image,blob-get
//	go run ./bench -before ../old/bin/berth -targets berth -scenarios push-small-image     what a change did
//	go run ./bench -results bin/bench.json -page docs/performance.md                         the page
//
// berth runs as its users run it: signing in, IAM and audit on, every push durable. The peers run without authentication.
// Rounds alternate between the targets (A B C A B C ...), so that a disturbance of the machine hits all of them, and medians are reported:
// the rate, and the CPU time that the server took for one operation, the figure that a shared machine disturbs least. The generator runs on
// the same processors, so it is built to be cheap: pulls are one epoll loop that lets the kernel discard the bodies, pushes send prepared bytes.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 4 && os.Args[1] == "serve-floor" { // a target runs as a process of its own, so that its CPU time is its own
		exit(serveFloor(os.Args[2], os.Args[3]))
	}
	if len(os.Args) == 2 && os.Args[1] == "flood" { // likewise
		exit(serveFlood(os.Stdin, os.Stdout))
	}
	var o options
	flag.StringVar(&o.targets, "targets", "berth,distribution,distribution-auth,zot,olareg,nginx,floor", "what to measure, of these; zot and olareg only where they are on PATH")
	flag.StringVar(&o.scenarios, "scenarios", "all", "which scenarios: "+strings.Join(scenarioNames(), ", "))
	flag.Float64Var(&o.seconds, "seconds", 3, "length of one round")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each target in each scenario")
	flag.StringVar(&o.dir, "dir", "", "folder for the targets' data, on the file system to be measured (default: a new one beside bin, removed at the end)")
	flag.StringVar(&o.berth, "berth", "bin/berth", "the berth to measure")
	flag.StringVar(&o.before, "before", "", "another berth, measured beside it as \"before\": the effect of a change, in one run")
	flag.BoolVar(&o.json, "json", false, "print the results as JSON")
	flag.StringVar(&o.results, "results", "", "file that keeps the results: those of scenarios that are left out now are taken from it")
	flag.StringVar(&o.page, "page", "", "file to write the page of all results to")
	flag.IntVar(&o.many, "many", 100_000, "images of the scenarios with many tags")
	flag.Parse()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

type options struct {
	targets, scenarios, dir, berth, before, results, page string
	seconds                                               float64
	rounds, many                                          int
	json                                                  bool
}

func run(ctx context.Context, o options) error {
	chosen, err := chooseScenarios(o.scenarios)
	if err != nil {
		return err
	}
	if o.dir == "" {
		if err := os.MkdirAll("bin", 0o755); err != nil {
			return err
		}
		if o.dir, err = os.MkdirTemp("bin", "bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := teach(); err != nil {
		return err
	}
	b := &bench{options: o, corpus: newCorpus(), say: os.Stderr}
	defer b.stop()
	names := strings.Split(o.targets, ",")
	if o.before != "" {
		names = append(names, "before")
	}
	for _, name := range names {
		t, err := b.newTarget(name, name)
		if err != nil {
			return err
		}
		if t == nil {
			fmt.Fprintf(b.say, "%s is not here: left out\n", name)
			continue
		}
		if err := t.start(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.targets = append(b.targets, t)
	}
	var results []*result
	for _, s := range chosen {
		r, err := b.measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, earlier := range results {
			if slices.ContainsFunc(s.goals, func(g goal) bool { return g.as == earlier.Scenario }) {
				r.reference = earlier
			}
		}
		results = append(results, r)
		if !o.json {
			r.print(os.Stdout)
		}
		if o.results != "" { // at once: the next one may fail
			if _, err := keep(o.results, []*result{r}); err != nil {
				return err
			}
		}
	}
	if o.results != "" {
		if results, err = keep(o.results, results); err != nil {
			return err
		}
	}
	if o.page != "" {
		if err := os.WriteFile(o.page, b.page(results), 0o644); err != nil {
			return err
		}
	}
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(results)
	}
	return nil
}

// bench is one run: the targets, all of them started, and the bytes that they are given.
type bench struct {
	options
	corpus  *corpus
	targets []*target
	say     *os.File // progress
}

func (b *bench) stop() {
	for _, t := range b.targets {
		t.stop()
	}
}

// measure runs a scenario on every target that can take part in it, in rounds.
func (b *bench) measure(ctx context.Context, s scenario) (*result, error) {
	r := &result{Scenario: s.name, Title: s.title, Unit: s.unit, goals: s.goals, At: time.Now().UTC().Format(time.DateTime)}
	for _, t := range b.targets {
		if kind := strings.Replace(t.name, "before", "berth", 1); !slices.Contains(s.targets, kind) {
			continue
		}
		if s.fresh {
			fresh, err := b.newTarget(t.name, t.name+"-"+s.name)
			if err != nil {
				return nil, err
			}
			defer os.RemoveAll(fresh.dir)
			defer fresh.stop()
			if err := fresh.start(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			t = fresh
		}
		if s.prepare != nil {
			fmt.Fprintf(b.say, "%s: preparing %s\n", s.name, t.name)
			if err := s.prepare(ctx, b, t); err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
		}
		r.Targets = append(r.Targets, &measured{Target: t.name, Durable: t.durable, Careless: t.careless, target: t})
	}
	for round := range b.rounds {
		for _, m := range r.Targets {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			fmt.Fprintf(b.say, "%s: round %d of %d, %s\n", s.name, round+1, b.rounds, m.Target)
			if err := s.round(ctx, b, m); err != nil {
				return nil, fmt.Errorf("%s: %w", m.Target, err)
			}
		}
		if s.once {
			break
		}
	}
	return r, nil
}

// timed runs work for the length of a round and adds what it did to m. What the server does a moment later on behalf of it (records written
// in batches) is counted too, and nothing of it is left to be written to disk when the next target's turn comes.
func (b *bench) timed(m *measured, work func(until time.Time) (operations int, err error)) error {
	if _, err := work(time.Now().Add(300 * time.Millisecond)); err != nil { // warming up
		return err
	}
	before, own := m.target.process.cpu(), ownCPU()
	start := time.Now()
	n, err := work(start.Add(time.Duration(b.seconds * float64(time.Second))))
	if err != nil {
		return err
	}
	took := time.Since(start)
	ownTook := ownCPU() - own
	if n == 0 {
		return fmt.Errorf("no operation ended within %s", took)
	}
	time.Sleep(1200 * time.Millisecond)
	m.Rates = append(m.Rates, float64(n)/took.Seconds())
	m.CPU = append(m.CPU, (m.target.process.cpu()-before).Seconds()*1000/float64(n))
	m.Generator = append(m.Generator, ownTook.Seconds()*1000/float64(n))
	return flush(b.dir)
}
