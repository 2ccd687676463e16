package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/sys/unix"
)

// fairness is how long requests of one account took, in milliseconds, while another did or did not flood the server.
type fairness struct {
	What       string // "manifests", which are read, or "images", which are pushed
	Flooded    bool
	Operations int
	P50, P99   float64
	Flood      float64 // requests of the flood a second, as the server answered them
	CPUPercent float64 // the server's
}

// The account that floods, and what the other one does beside it: so little that the server has nearly nothing to do while it is calm.
const (
	floodAccount = "555666777888"
	readsEach    = 20 * time.Millisecond
	pushesEach   = 40 * time.Millisecond
	fairClients  = 8
)

func fair() scenario {
	ratio := func(what string) figure {
		return func(m *measured) []float64 { return fairRatios(m.Fair, what) }
	}
	return scenario{
		name: "fair", title: "one account's manifests (50 a second) and pushes of small images (25 a second) while another account floods the server over 128 connections", unit: "times the p99 of calm",
		targets: []string{"berth"}, fresh: true, prepare: prepareFair, round: fairRound,
		goals: []goal{
			{name: "times the p99 of manifests when it is calm", figure: ratio("manifests"), limit: 1.5},
			{name: "times the p99 of pushes when it is calm", figure: ratio("images"), limit: 1.5},
		},
	}
}

// fairRatios is the p99 beside the flood by that without it, round by round.
func fairRatios(all []fairness, what string) (ratios []float64) {
	of := slices.DeleteFunc(slices.Clone(all), func(f fairness) bool { return f.What != what })
	for i := 0; i+1 < len(of); i += 2 {
		ratios = append(ratios, of[i+1].P99/of[i].P99)
	}
	return ratios
}

// prepareFair makes the account that floods, and images for both.
func prepareFair(ctx context.Context, b *bench, t *target) error {
	if out := output(b.berth, "account", "create", "--data", filepath.Join(t.dir, "data"), "--endpoint", "http://"+t.addr, "--name", "flood", "--id", floodAccount); out == "" {
		return fmt.Errorf("the account %s was not made", floodAccount)
	}
	as, err := config.LoadDefaultConfig(ctx, config.WithSharedCredentialsFiles([]string{filepath.Join(t.dir, "data", "credentials")}), config.WithSharedConfigProfile("flood"),
		config.WithSharedConfigFiles(nil), config.WithRegion(region), config.WithBaseEndpoint("http://"+t.addr), config.WithLogger(logging.Nop{}))
	if err != nil {
		return err
	}
	if _, err := ecr.NewFromConfig(as).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(small)}); err != nil {
		return err
	}
	flooding := *t
	flooding.base = "/v2/" + floodAccount + "/" + region + "/"
	flooding.root = as
	if err := flooding.signIn(ctx, as); err != nil {
		return err
	}
	t.images, flooding.images = nil, nil
	for _, of := range []*target{t, &flooding} {
		p, err := dial(of)
		if err != nil {
			return err
		}
		defer p.close()
		for range 50 {
			i := b.corpus.smallImage()
			if err := p.small(small, i); err != nil {
				return err
			}
			of.images = append(of.images, i)
		}
	}
	t.flood = &flooding
	return nil
}

func fairRound(ctx context.Context, b *bench, m *measured) error {
	t := m.target
	length := time.Duration(4 * b.seconds * float64(time.Second))
	for _, what := range []string{"manifests", "images"} {
		for _, flooded := range []bool{false, true} {
			f := fairness{What: what, Flooded: flooded}
			err := b.flooded(ctx, t, flooded, func() error { return t.paced(ctx, b, &f, length) }, &f)
			if err != nil {
				return err
			}
			m.Fair = append(m.Fair, f)
		}
	}
	return nil
}

// flooded does work, beside a flood if there is to be one, and notes what that got done.
func (b *bench) flooded(ctx context.Context, t *target, flooded bool, work func() error, f *fairness) error {
	time.Sleep(500 * time.Millisecond) // what was before is over
	if !flooded {
		return work()
	}
	flood, err := b.startFlood(ctx, t)
	if err != nil {
		return err
	}
	time.Sleep(time.Second)
	err = work()
	n, took, ended := flood.end()
	f.Flood = float64(n) / took.Seconds()
	if err == nil {
		err = ended
	}
	return err
}

// paced repeats an operation at its pace and notes how long each took from when its turn was: a server that stands still is so charged with all who waited.
func (t *target) paced(ctx context.Context, b *bench, f *fairness, length time.Duration) error {
	pace := readsEach
	if f.What == "images" {
		pace = pushesEach
	}
	start, cpu := time.Now(), t.process.cpu()
	var all []float64
	var mu sync.Mutex
	err := each(fairClients, func(c int) error {
		p, err := dial(t)
		if err != nil {
			return err
		}
		defer p.close()
		for turn := 0; ; turn++ {
			due := start.Add(time.Duration(turn*fairClients+c) * pace)
			if due.Sub(start) > length {
				return nil
			}
			i := t.images[(c*13+turn)%len(t.images)]
			if f.What == "images" {
				i = b.corpus.smallImage()
			}
			if err := pause(ctx, time.Until(due)); err != nil {
				return err
			}
			if f.What == "images" {
				err = p.small(small, i)
			} else {
				_, err = p.do("GET", t.base+small+"/manifests/"+i.tag, "", 200)
			}
			if err != nil {
				return err
			}
			mu.Lock()
			all = append(all, time.Since(due).Seconds()*1000)
			mu.Unlock()
		}
	})
	slices.Sort(all)
	if err == nil {
		f.Operations, f.P50, f.P99 = len(all), median(all), all[len(all)*99/100]
		f.CPUPercent = 100 * (t.process.cpu() - cpu).Seconds() / time.Since(start).Seconds()
	}
	return err
}

func (m *measured) printFair(w io.Writer) {
	for _, f := range m.Fair {
		how := "calm"
		if f.Flooded {
			how = fmt.Sprintf("beside %.0f requests/s", f.Flood)
		}
		fmt.Fprintf(w, "  %-13s %-9s %-24s p50 %6.2f ms, p99 %6.2f ms of %4d; server at %3.0f%% of its CPU\n", m.Target, f.What, how, f.P50, f.P99, f.Operations, f.CPUPercent)
	}
}

// eachThread does something to all threads of a process; those that they start later inherit it.
func eachThread(pid int, f func(id int) error) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name()) // they are numbers
		if err := f(id); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
