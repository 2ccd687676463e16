package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// scenario is one row of the table.
type scenario struct {
	name    string
	title   string
	unit    string   // of a rate: what one operation is
	targets []string // who can take part
	prepare func(context.Context, *bench, *target) error
	round   func(context.Context, *bench, *measured) error
	goals   []goal
	fresh   bool // on an installation of its own
	once    bool // one round says all
}

var (
	registries = []string{"berth", "distribution", "zot", "olareg", "distribution-auth"}
	pushers    = append(slices.Clone(registries), "floor")
	pullers    = append(slices.Clone(registries), "nginx")
)

func scenarios() []scenario {
	return []scenario{
		{
			name: "push-image", title: "push an image (config, 5 layers of 2 MiB, manifest), 4 clients", unit: "images", targets: pushers,
			round: pushRound(4, func(b *bench, p *pusher) error { return p.image(small, b.corpus.image(5)) }),
			goals: []goal{{figure: cpuFigure, against: durablePeer, atMost: 0.5}},
		},
		{
			name: "pull-image", title: "pull an image (config, 5 layers of 2 MiB, manifest), 4 clients", unit: "images", targets: pullers, prepare: prepareImages,
			round: pullRound(4, func(t *target, n int) []request { return t.pull(small, t.images[n%len(t.images)]) }),
			goals: []goal{{figure: cpuFigure, against: nginx, atMost: 1.15}},
		},
		{
			name: "manifest-get", title: "GET a manifest by tag, 50 tags, 8 clients", unit: "requests", targets: pullers, prepare: prepareImages,
			round: pullRound(8, func(t *target, n int) []request {
				return []request{t.get(small + "/manifests/" + t.images[n%len(t.images)].tag)}
			}),
			goals: []goal{{figure: rateFigure, against: bestPeer, atLeast: 1}, {name: "CPU ms a request (olareg, without sign-in or IAM, took 0.058)", figure: cpuFigure, limit: 0.058}},
		},
		{
			// zot is left out: a repository of that many tags takes it longer to make than the rest of the run.
			name: "manifest-get-many", title: "GET a manifest by tag, 100,000 tags, 8 clients", unit: "requests",
			targets: []string{"berth", "distribution", "nginx"}, prepare: prepareMany,
			round: pullRound(8, func(t *target, n int) []request {
				return []request{t.get(fmt.Sprintf("%s/manifests/t%d", many, n*7919%t.tags))}
			}),
			goals: []goal{{figure: cpuFigure, as: "manifest-get", atMost: 1.15}}, // CPU: the two are measured minutes apart
		},
		{
			name: "blob-get", title: "GET a blob of 1 KiB, 8 clients", unit: "requests", targets: pullers, prepare: prepareSmalls,
			round: pullRound(8, func(t *target, n int) []request {
				return []request{t.get(small + "/blobs/" + t.smalls[n%len(t.smalls)].digest)}
			}),
			goals: []goal{{figure: rateFigure, against: bestPeer, atLeast: 2}},
		},
		{
			name: "blob-push", title: "push a blob of 1 KiB, 8 clients", unit: "blobs", targets: pushers,
			round: pushRound(8, func(b *bench, p *pusher) error { return p.monolithic(small, b.corpus.blob(smallSize)) }),
			goals: []goal{{figure: rateFigure, against: durablePeer, atLeast: 3}},
		},
		smallPush(),
		{
			name: "large-out", title: "GET a blob of 100 MiB, 1 client", unit: "blobs", targets: pullers, prepare: prepareLarge,
			round: pullRound(1, func(t *target, _ int) []request { return []request{t.get(small + "/blobs/" + t.large.digest)} }),
			goals: []goal{{figure: rateFigure, against: nginx, atLeast: 0.95}},
		},
		{
			name: "large-in", title: "push a blob of 100 MiB, 1 client", unit: "blobs", targets: pushers,
			round: pushRound(1, func(b *bench, p *pusher) error { return p.stream(small, b.corpus.blob(largeSize)) }),
			goals: []goal{{figure: rateFigure, against: durablePeer, atLeast: 1.2}},
		},
		{
			name: "memory", title: "resident memory, 64 clients pushing and pulling images", unit: "MB", targets: registries, prepare: prepareImages,
			round: memoryRound(64), goals: []goal{{figure: peakFigure, limit: 150}}, once: true,
		},
		{
			name: "memory-idle", title: "resident memory after a start, idle", unit: "MB", targets: registries,
			round: idleRound, goals: []goal{{figure: peakFigure, limit: 40}}, once: true,
		},
		{
			name: "listing", title: "pages of 100 in lists of 1,000, 10,000 and 100,000, from the first to the last", unit: "times the cost of the first page",
			targets: []string{"berth"}, prepare: prepareLists, round: listRound, goals: []goal{{figure: flatFigure, limit: 1.5}}, once: true,
		},
		{
			name: "lifecycle", title: "a lifecycle policy of 50 rules on 10,000, 100,000 and 1,000,000 images", unit: "times the time for an image in the smallest repository",
			targets: []string{"berth"}, prepare: prepareLifecycle, round: lifecycleRound, goals: []goal{{figure: linearFigure, limit: 1.5}}, once: true,
		},
		{
			name: "start", title: "start to first answer, 100,000 images", unit: "s", targets: []string{"berth", "distribution"}, prepare: prepareMany,
			round: startRound, goals: []goal{{figure: secondsFigure, limit: 1}},
		},
		tagsPage(), collecting(), atScale(), twoNodes(), fair(),
	}
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

func chooseScenarios(list string) ([]scenario, error) {
	all := scenarios()
	switch list {
	case "all":
		return all, nil
	case "none": // to make the page of what is kept
		return nil, nil
	}
	var chosen []scenario
	for _, name := range strings.Split(list, ",") {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no scenario is called %q; there are %s", name, strings.Join(scenarioNames(), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func pushRound(clients int, operation func(*bench, *pusher) error) func(context.Context, *bench, *measured) error {
	return func(ctx context.Context, b *bench, m *measured) error {
		return b.timed(m, func(until time.Time) (int, error) {
			return pushing(ctx, m.target, clients, until, func(p *pusher) error { return operation(b, p) })
		})
	}
}

// pullRound prepares the first operations, so that while it measures nothing but bytes is handled.
func pullRound(clients int, operation func(t *target, n int) []request) func(context.Context, *bench, *measured) error {
	const prepared = 4096
	return func(ctx context.Context, b *bench, m *measured) error {
		operations := make([][]request, prepared)
		for n := range operations {
			operations[n] = operation(m.target, n)
		}
		return b.timed(m, func(until time.Time) (int, error) {
			return pulling(ctx, m.target, clients, until, func(client, turn int) []request {
				return operations[(client*509+turn)%prepared]
			})
		})
	}
}

// memoryRound notes the highest resident memory while half of the clients push images and the other half pull them.
func memoryRound(clients int) func(context.Context, *bench, *measured) error {
	return func(ctx context.Context, b *bench, m *measured) error {
		t := m.target
		until := time.Now().Add(time.Duration(3 * b.seconds * float64(time.Second)))
		var peak float64
		err := t.watch(&peak, func() error {
			return each(2, func(i int) error {
				if i == 0 {
					_, err := pushing(ctx, t, clients/2, until, func(p *pusher) error { return p.image(small, b.corpus.image(5)) })
					return err
				}
				_, err := pulling(ctx, t, clients/2, until, func(client, turn int) []request {
					return t.pull(small, t.images[(client+turn)%len(t.images)])
				})
				return err
			})
		})
		m.Peak = append(m.Peak, peak)
		return err
	}
}

// watch notes in peak the server's highest resident memory, in MB, while work is done.
func (t *target) watch(peak *float64, work func() error) error {
	var watch sync.WaitGroup
	over := make(chan struct{})
	watch.Go(func() {
		for {
			*peak = max(*peak, t.process.resident())
			select {
			case <-over:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	err := work()
	close(over)
	watch.Wait()
	return err
}

// idleRound starts the server again and looks at it when it has had time to do what it does after a start.
func idleRound(ctx context.Context, _ *bench, m *measured) error {
	m.target.stop()
	if _, err := m.target.restart(ctx, m.target.ready, 0); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	m.Peak = append(m.Peak, m.target.process.resident())
	return nil
}

// startRound starts the server again on its many images, and notes when it has answered a manifest.
func startRound(ctx context.Context, _ *bench, m *measured) error {
	m.target.stop()
	took, err := m.target.restart(ctx, m.target.base+many+"/manifests/t1", 200)
	m.Seconds = append(m.Seconds, took.Seconds())
	return err
}
