package front

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/registry"
)

// PullSeries is how many repositories have their pulls counted each for itself. Those of others are counted with their account and region, and with no name: a counter costs
// memory here and in Prometheus, and clients make and delete repositories as they like.
const PullSeries = 10_000

// pullCounts are the pulls of each repository. Counters of Prometheus's own would take a kilobyte for each, all the time; these take what their labels do, and more only
// while they are read.
type pullCounts struct {
	described *prometheus.Desc

	mu    sync.Mutex
	of    map[registry.Ref]int64
	named int // of them, how many have a name
}

func newPullCounts() *pullCounts {
	return &pullCounts{
		described: prometheus.NewDesc("berth_pulls_total", "Pulls of manifests by GET; without a name those of all repositories beyond ten thousand.", []string{"account", "region", "repository"}, nil),
		of:        map[registry.Ref]int64{},
	}
}

func (p *pullCounts) add(ref registry.Ref, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, is := p.of[ref]; !is {
		if p.named < PullSeries {
			p.named++
		} else {
			ref.Name = ""
		}
	}
	p.of[ref] += int64(n)
}

func (p *pullCounts) forget(ref registry.Ref) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, is := p.of[ref]; is {
		delete(p.of, ref)
		p.named--
	}
}

// Describe is for Prometheus.
func (p *pullCounts) Describe(to chan<- *prometheus.Desc) { to <- p.described }

// Collect is for Prometheus.
func (p *pullCounts) Collect(to chan<- prometheus.Metric) {
	p.mu.Lock()
	all := make([]prometheus.Metric, 0, len(p.of))
	for ref, n := range p.of {
		all = append(all, prometheus.MustNewConstMetric(p.described, prometheus.CounterValue, float64(n), ref.Account, ref.Region, ref.Name))
	}
	p.mu.Unlock()
	for _, m := range all {
		to <- m
	}
}
