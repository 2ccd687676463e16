// Package scrub reads everything that is stored again and again, slowly, so that a bit that changed is found before somebody pulls it. On several nodes at once it does the
// work of one.
package scrub

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/worker"
)

// every is how often a node looks whether it is its turn.
const every = time.Minute

// Metrics are what those who watch a registry want to know of the scrub. Only the node that is at it tells them.
type Metrics struct {
	Bytes    prometheus.Counter // that were read again
	Suspects prometheus.Counter // layers that were found damaged
	Position prometheus.Gauge   // how much of everything was read in this pass, from 0 to 1
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_scrub_bytes_total", Help: "Bytes that this node has read again to see whether they are whole."}),
		prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_scrub_suspects_total", Help: "Layers that this node has found damaged and quarantined."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_scrub_position_ratio", Help: "How much of everything has been read in this pass, from 0 to 1."}),
	}
	r.MustRegister(m.Bytes, m.Suspects, m.Position)
	return m
}

// Run scrubs until ctx ends, at most so many bytes a second. An error is logged; what it is about is tried again.
func Run(ctx context.Context, g *registry.Registry, m *Metrics, bytesPerSecond int64) {
	node := uuid.NewString()
	// A read of 512 KiB is the largest; at a low rate the waits are as long as they have to be.
	limit := rate.NewLimiter(rate.Limit(bytesPerSecond), max(int(min(bytesPerSecond, 1<<30)), 512<<10))
	slowly := func(ctx context.Context, bytes int) error {
		worker.Alive(ctx) // a hundred layers may take hours
		return limit.WaitN(ctx, bytes)
	}
	worker.Every(ctx, every, func(ctx context.Context) {
		for more := true; more && ctx.Err() == nil; {
			s, err := g.Scrub(ctx, node, slowly)
			worker.Alive(ctx)
			m.Bytes.Add(float64(s.Bytes))
			m.Suspects.Add(float64(s.Suspects))
			if err != nil && ctx.Err() == nil {
				worker.Failed(ctx)
				slog.Error("the scrub could not read everything; it tries again", "error", err)
			}
			if err == nil && (s.More || s.Position > 0) {
				m.Position.Set(s.Position)
			}
			more = err == nil && s.More
		}
	})
}
