package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// cost is what an operation costs in a registry of some size.
type cost struct {
	What   string
	Images int
	Value  float64
	Unit   string
}

const (
	scaleFrom  = "bench-scale"
	perRepo    = 10  // images
	fewer      = 100 // the large registry is so many times the small one
	cpuCost    = "CPU ms"
	startCost  = "s"
	memoryCost = "MB"
)

func atScale() scenario {
	return scenario{
		name: "scale", title: "each operation with 1,000,000 images in 100,000 repositories, and with 10,000 in 1,000", unit: "times the cost in the small registry", targets: []string{"berth"}, fresh: true,
		prepare: prepareScale, round: scaleRound, once: true,
		goals: []goal{
			{figure: func(m *measured) []float64 { return []float64{worstCost(m.Costs, cpuCost)} }, limit: 1.5},
			{name: "s to start with the large one", figure: func(m *measured) []float64 { return []float64{largest(m.Costs, startCost)} }, limit: 2},
			{name: "times the memory", figure: func(m *measured) []float64 { return []float64{worstCost(m.Costs, memoryCost)} }, limit: 1.5},
		},
	}
}

// worstCost is the greatest ratio of what something costs in the large registry and in the small one.
func worstCost(all []cost, unit string) float64 {
	worst := 0.0
	for _, c := range all {
		if c.Unit != unit {
			continue
		}
		i := slices.IndexFunc(all, func(s cost) bool { return s.What == c.What && s.Images < c.Images })
		if i >= 0 {
			worst = max(worst, c.Value/all[i].Value)
		}
	}
	return worst
}

func largest(all []cost, unit string) float64 {
	most := 0.0
	for _, c := range all {
		if c.Unit == unit {
			most = max(most, c.Value)
		}
	}
	return most
}

// prepareScale makes the small registry: -many is a tenth of the images of the large one.
func prepareScale(ctx context.Context, b *bench, t *target) error {
	c := ecr.NewFromConfig(t.root)
	for _, name := range []string{scaleFrom, scaleFrom + "-new"} {
		if _, err := c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
			return err
		}
	}
	if err := seed(b, t, scaleFrom); err != nil {
		return err
	}
	return b.populate(ctx, t, 0, b.many*10/fewer)
}

// populate adds repositories of ten images each until there are so many images.
func (b *bench) populate(ctx context.Context, t *target, have, want int) error {
	fmt.Fprintf(b.say, "  %d images\n", want)
	const step = 50_000 // images in one transaction
	return t.offline(ctx, func(db *sql.DB) error {
		for have < want {
			n := min(step, want-have)
			if err := grow(ctx, db, growth{from: scaleFrom, into: scaleFrom, images: n, repositories: n / perRepo, after: have}); err != nil {
				return err
			}
			have += n
		}
		return nil
	})
}

// scaleRound measures every operation, grows the registry, and measures again.
func scaleRound(ctx context.Context, b *bench, m *measured) error {
	few, all := b.many*10/fewer, b.many*10
	if err := b.costs(ctx, m, few); err != nil {
		return err
	}
	// A hundred repositories are left to be made: an account may have 100,000 in a region.
	if err := b.populate(ctx, m.target, few, all-200*perRepo); err != nil {
		return err
	}
	return b.costs(ctx, m, all)
}

// costs notes what each operation costs the server. The repositories that are asked for are either the same fifty, as they are in memory then, or any of all: what
// has to be read from disk is not the same for both sizes, and the small registry is in memory as a whole.
func (b *bench) costs(ctx context.Context, m *measured, images int) error {
	t := m.target
	note := func(what string, value float64, unit string) {
		m.Costs = append(m.Costs, cost{what, images, value, unit})
	}
	t.stop()
	took, err := t.restart(ctx, t.base+scaleFrom+"-000001/manifests/t1", 200)
	if err != nil {
		return err
	}
	note("start to first answer", took.Seconds(), startCost)
	repositories := max(images/perRepo-200, images/perRepo/2)
	hot := func() string { return fmt.Sprintf("%s-%06d", scaleFrom, rand.IntN(50)) }
	anyOf := func() string { return fmt.Sprintf("%s-%06d", scaleFrom, rand.IntN(repositories)) }
	c := ecr.NewFromConfig(t.root)
	var made atomic.Int64
	for _, o := range []struct {
		what string
		do   func(p *pusher) error
	}{
		{"GET manifest by tag, 50 repositories", func(p *pusher) error { return p.get(hot() + "/manifests/t1") }},
		{"GET manifest by tag, any repository", func(p *pusher) error { return p.get(anyOf() + "/manifests/t1") }},
		{"tags/list, any repository", func(p *pusher) error { return p.get(anyOf() + "/tags/list") }},
		{"DescribeImages, any repository", func(*pusher) error {
			_, err := c.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String(anyOf())})
			return err
		}},
		{"ListImages, any repository", func(*pusher) error {
			_, err := c.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: aws.String(anyOf())})
			return err
		}},
		{"BatchGetImage, any repository", func(*pusher) error {
			_, err := c.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: aws.String(anyOf()), ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: aws.String("t1")}}})
			return err
		}},
		{"DescribeRepositories, a page of 100", func(*pusher) error {
			_, err := c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(100)})
			return err
		}},
		{"DescribeRepositories, one by name", func(*pusher) error {
			_, err := c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{anyOf()}})
			return err
		}},
		{"GetAuthorizationToken", func(*pusher) error {
			_, err := c.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
			return err
		}},
		{"push a blob of 1 KiB, any repository", func(p *pusher) error { return p.monolithic(anyOf(), b.corpus.blob(smallSize)) }},
		{"push a small image, one repository", func(p *pusher) error { return p.small(scaleFrom+"-new", b.corpus.smallImage()) }},
		{"push a small image, any repository", func(p *pusher) error { return p.small(anyOf(), b.corpus.smallImage()) }},
		{"CreateRepository and DeleteRepository", func(*pusher) error {
			name := aws.String(fmt.Sprintf("%s-made-%d", scaleFrom, made.Add(1)))
			if _, err := c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: name}); err != nil {
				return err
			}
			_, err := c.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: name})
			return err
		}},
	} {
		fmt.Fprintf(b.say, "  %s\n", o.what)
		one := &measured{target: t}
		if err := b.timed(one, func(until time.Time) (int, error) { return pushing(ctx, t, 4, until, o.do) }); err != nil {
			return fmt.Errorf("%s: %w", o.what, err)
		}
		note(o.what, median(one.CPU), cpuCost)
	}
	note("resident memory then", t.process.resident(), memoryCost)
	return nil
}

func (p *pusher) get(path string) error {
	_, err := p.do("GET", p.t.base+path, "", 200)
	return err
}

func (m *measured) printCosts(w io.Writer) {
	for i, c := range m.Costs {
		if j := slices.IndexFunc(m.Costs, func(l cost) bool { return l.What == c.What && l.Images > c.Images }); j > i {
			l := m.Costs[j]
			fmt.Fprintf(w, "  %-13s %-42s %9.4f %s with %d images, %9.4f with %d: %.2f times\n", m.Target, c.What, c.Value, c.Unit, c.Images, l.Value, l.Images, l.Value/c.Value)
		}
	}
}
