package worker

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics say of each worker of this node whether it is at work.
type Metrics struct {
	alive    *prometheus.GaugeVec
	failures *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "berth_worker_last_run_timestamp_seconds", Help: "When a worker last looked whether something is due, and did what was, as seconds since 1970."}, []string{"worker"}),
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "berth_worker_failures_total", Help: "Work that failed and is tried again; the log says why."}, []string{"worker"}),
	}
	r.MustRegister(m.alive, m.failures)
	return m
}

// watched is what a context knows of the worker that runs with it.
type watched struct {
	alive    prometheus.Gauge
	failures prometheus.Counter
}

type watchedKey struct{}

// Watch makes the context with which a worker runs: Alive and Failed are noted under its name.
func (m *Metrics) Watch(ctx context.Context, name string) context.Context {
	w := &watched{m.alive.WithLabelValues(name), m.failures.WithLabelValues(name)}
	w.alive.SetToCurrentTime()
	return context.WithValue(ctx, watchedKey{}, w)
}

// Alive notes that the worker of ctx is at work: Every does after each look, and work that takes long should in between.
func Alive(ctx context.Context) {
	if w, ok := ctx.Value(watchedKey{}).(*watched); ok {
		w.alive.SetToCurrentTime()
	}
}

// Failed notes that something of the worker of ctx failed, which the log tells.
func Failed(ctx context.Context) {
	if w, ok := ctx.Value(watchedKey{}).(*watched); ok {
		w.failures.Inc()
	}
}
