package sql

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/storage/trace"
)

// measured is what a database tells those who watch it.
type measured struct {
	writes  prometheus.Histogram
	seconds prometheus.Histogram
	again   prometheus.Counter
}

func newMeasured() *measured {
	return &measured{
		writes: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "berth_sql_commit_writes", Help: "Writes that went out in one commit; on PostgreSQL each has its own.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "berth_sql_commit_seconds", Help: "Time from the begin of a transaction until it was durable.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}),
		again: prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_sql_retries_total", Help: "Transactions that PostgreSQL undid because of others beside them, and that ran again."}),
	}
}

func (m *measured) commit(writes int, took time.Duration) {
	m.writes.Observe(float64(writes))
	m.seconds.Observe(took.Seconds())
}

// Register registers the metrics of the database: its commits, its connections, and for how long this node has not heard of the others' changes.
func (db *DB) Register(r prometheus.Registerer) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
	}
	const connections, help = "berth_sql_connections", "Connections to the database, in use and idle. On SQLite they only read; one more writes."
	r.MustRegister(db.measured.writes, db.measured.seconds, db.measured.again,
		gauge(connections, help, prometheus.Labels{"state": "in_use"}, func() float64 { return float64(db.pool.Stats().InUse) }),
		gauge(connections, help, prometheus.Labels{"state": "idle"}, func() float64 { return float64(db.pool.Stats().Idle) }),
		gauge("berth_sql_connections_limit", "The most connections that there may be.", nil, func() float64 { return float64(db.pool.Stats().MaxOpenConnections) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "berth_sql_wait_seconds_total", Help: "Time for which requests have waited for a connection."},
			func() float64 { return db.pool.Stats().WaitDuration.Seconds() }),
		gauge("berth_sql_epoch_age_seconds", "How long ago this node last heard of the changes of other nodes; beyond a second it uses nothing that it remembers. 0 on SQLite.", nil, db.epochAge),
	)
}

// epochAge is how long ago, in seconds, the database was last asked for the changes of other nodes.
func (db *DB) epochAge() float64 {
	if !db.Shared() {
		return 0
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, e := range db.epochs {
		return (time.Since(started) - time.Duration(e.asked.Load())).Seconds()
	}
	return 0
}

// begin begins the span of a transaction or of a read outside one. The text of a statement holds no values, and is shown for a read.
func (db *DB) begin(ctx context.Context, name, query string) (context.Context, trace.Span) {
	ctx, span := trace.Begin(ctx, name)
	if span.On() {
		system := "sqlite"
		if db.dialect == postgres {
			system = "postgresql"
		}
		span.Text("db.system.name", system)
		if query != "" {
			span.Text("db.query.text", query)
		}
	}
	return ctx, span
}

// end ends a span; that there is no row is an answer.
func end(span trace.Span, err error) {
	if span.On() && errors.Is(err, ErrNoRows) {
		err = nil
	}
	span.End(err)
}
