package front

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/registry"
)

// Metrics are what Prometheus reads.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	sent     prometheus.Counter
	received prometheus.Counter
	pulls    *pullCounts
	open     prometheus.Gauge
	// throttled counts by the operation whose rate was exceeded: of container clients too, as what their requests count as.
	throttled *prometheus.CounterVec

	mu    sync.RWMutex
	known map[outcome]observed
}

// outcome is the labels of one kind of request; what is looked up for it is kept, because a look-up by labels costs more than the rest of the observation.
type outcome struct {
	operation, code string
	status          int
}

type observed struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "berth_requests_total", Help: "Requests answered."}, []string{"operation", "status", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "berth_request_seconds", Help: "Time from a request's headers to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"operation"}),
		sent:      prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_sent_bytes_total", Help: "Bytes of answers' bodies."}),
		received:  prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_received_bytes_total", Help: "Bytes of requests' bodies."}),
		pulls:     newPullCounts(),
		open:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_requests_in_flight", Help: "Requests that have begun and are not answered yet."}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "berth_throttled_total", Help: "Calls refused because their account's rate was exceeded."}, []string{"operation"}),
		known:     map[outcome]observed{},
	}
	r.MustRegister(m.requests, m.seconds, m.sent, m.received, m.pulls, m.open, m.throttled)
	return m
}

// Pulled counts pulls from a repository.
func (m *Metrics) Pulled(ref registry.Ref, n int) { m.pulls.add(ref, n) }

// Deleted forgets the pulls of a repository that was deleted.
func (m *Metrics) Deleted(ref registry.Ref) { m.pulls.forget(ref) }

func (m *Metrics) observe(x *exchange, took time.Duration) {
	key := outcome{x.operation, x.code, x.status}
	m.mu.RLock()
	o, ok := m.known[key]
	m.mu.RUnlock()
	if !ok {
		o = observed{m.requests.WithLabelValues(x.operation, strconv.Itoa(x.status), x.code), m.seconds.WithLabelValues(x.operation)}
		m.mu.Lock()
		m.known[key] = o
		m.mu.Unlock()
	}
	o.requests.Inc()
	o.seconds.Observe(took.Seconds())
	if x.received > 0 {
		m.received.Add(float64(x.received))
	}
	if x.written > 0 {
		m.sent.Add(float64(x.written))
	}
}
