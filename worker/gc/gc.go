// Package gc collects garbage all the time: layers that no image uses, and the bytes that no repository holds. Nothing has to be stopped or read-only for it, and
// running it on several nodes at once does no harm.
package gc

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/worker"
)

const (
	// every is how often a node looks: what goes has been kept for hours, so a minute more does not matter.
	every = time.Minute
	// share is the part of the time in which a node works at most when there is much to do: one in so many. With one in four, one in a hundred pulls took half as long again;
	// with one in ten, a node with a disk of its own still collects a million layers in an hour.
	share = 10
	// behind is for how long it works so. There is more then than one node's disk brings forth, or a database and a bucket far away, for which it mostly waits: it becomes
	// one in hurried.
	behind  = time.Hour
	hurried = 4
)

// Metrics are what those who watch a registry want to know of its garbage.
type Metrics struct {
	Reclaimable prometheus.Gauge   // bytes that no repository holds and that are not deleted yet
	Waiting     prometheus.Gauge   // layers that are to be looked at
	Oldest      prometheus.Gauge   // seconds since the first of them could have been
	Undeleted   prometheus.Gauge   // seconds since the first object that no row names could have been deleted
	Suspects    prometheus.Gauge   // layers that are quarantined
	Uploads     prometheus.Gauge   // that have begun and not ended
	Freed       prometheus.Counter // bytes that this node has deleted
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_gc_reclaimable_bytes", Help: "Bytes that no repository holds and that are deleted when their time has come."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_gc_queue", Help: "Layers that are looked at when their lease ends."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_gc_oldest_seconds", Help: "For how long the lease of the first of them has been over; 0 if none is."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_gc_undeleted_seconds", Help: "For how long the first of the objects that nothing leads to could have been deleted; 0 if there is none, or a backup holds them."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_layers_quarantined", Help: "Layers that are not served because their bytes are not those of their digests, until somebody pushes them again."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_uploads_open", Help: "Uploads of layers that have begun and not ended; they go when nobody has touched them for a day."}),
		prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_gc_freed_bytes_total", Help: "Bytes that this node has deleted because no repository held them."}),
	}
	r.MustRegister(m.Reclaimable, m.Waiting, m.Oldest, m.Undeleted, m.Suspects, m.Uploads, m.Freed)
	return m
}

// Run collects until ctx ends. An error is logged, the first of each time; what it is about is tried again, and what can be collected meanwhile is.
func Run(ctx context.Context, g *registry.Registry, m *Metrics) {
	worker.Every(ctx, every, func(ctx context.Context) {
		var all registry.Collected
		failed := false
		for start := time.Now(); ctx.Err() == nil; {
			began := time.Now()
			c, err := g.Collect(ctx)
			all.Layers, all.Objects, all.Bytes = all.Layers+c.Layers, all.Objects+c.Objects, all.Bytes+c.Bytes
			worker.Alive(ctx)
			m.Freed.Add(float64(c.Bytes))
			if err != nil && ctx.Err() == nil && !failed {
				failed = true
				worker.Failed(ctx)
				slog.Error("garbage could not all be collected; it is tried again", "error", err)
			}
			if !c.More || err != nil && c.Layers+c.Objects == 0 {
				break
			}
			of := time.Duration(share)
			if time.Since(start) > behind {
				of = hurried
			}
			select {
			case <-ctx.Done():
			case <-time.After((of - 1) * time.Since(began)):
			}
		}
		if all.Layers+all.Objects > 0 {
			slog.Info("garbage collected", "layers", all.Layers, "objects", all.Objects, "bytes", all.Bytes)
		}
		m.look(ctx, g)
	})
}

func (m *Metrics) look(ctx context.Context, g *registry.Registry) {
	s, err := g.Garbage(ctx)
	if err != nil {
		return // the next look tells
	}
	m.Reclaimable.Set(float64(s.Reclaimable))
	m.Waiting.Set(float64(s.Waiting))
	m.Oldest.Set(s.Overdue.Seconds())
	m.Undeleted.Set(s.Undeleted.Seconds())
	m.Suspects.Set(float64(s.Suspects))
	m.Uploads.Set(float64(s.Uploads))
}
