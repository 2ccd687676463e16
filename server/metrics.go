package server

import (
	"container/list"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/berth-registry/berth/storage/blob"
)

const (
	// scrapesMost is how many scrapes may be under way at once, and scrapersMost how many connections --metrics-listen takes: they are an operator's own few,
	// and a mistake of theirs must not take what pulls need.
	scrapesMost  = 8
	scrapersMost = 64
	// scrapeTime bounds one scrape, whose client may read slowly.
	scrapeTime = 30 * time.Second
)

// metrics answers /metrics, which names repositories and is therefore told to the operator's networks only: those of --metrics-from, by the address of the connection.
type metrics struct {
	from []netip.Prefix
	// apart is that --metrics-listen has them, and the other listeners not.
	apart bool
	tell  http.Handler
}

func newMetrics(c *Config, r *prometheus.Registry) *metrics {
	return &metrics{c.MetricsFrom, c.MetricsListen != "", promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMost})}
}

// among answers on a listener that others use too. What came through a proxy is refused, whoever the proxy says that it speaks for: behind a balancer on this machine or in a network of
// --metrics-from everybody would have an address that may read (H16).
func (m *metrics) among(w http.ResponseWriter, r *http.Request) {
	switch {
	case m.apart:
		http.Error(w, "metrics are told by --metrics-listen", http.StatusNotFound)
	case proxied(r.Header):
		http.Error(w, "metrics are not told through a proxy: ask the node itself, or give them an address of their own by --metrics-listen", http.StatusForbidden)
	default:
		m.ServeHTTP(w, r)
	}
}

// proxied reports whether a header says that a proxy passed the request on.
func proxied(h http.Header) bool {
	return slices.ContainsFunc([]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "Via"}, func(name string) bool {
		return len(h[name]) > 0
	})
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !slices.ContainsFunc(m.from, func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap().WithZone("")) }) {
		http.Error(w, "metrics are told to the networks of --metrics-from only", http.StatusForbidden)
		return
	}
	m.tell.ServeHTTP(w, r)
}

// metricsServer makes what answers --metrics-listen: /metrics, /healthz and /readyz, in clear. It takes no turn and no place of a client, so that a server which has too much to do can still
// be looked at.
func (s *Server) metricsServer() *http.Server {
	paths := http.NewServeMux()
	paths.Handle("/healthz", s.health)
	paths.Handle("/readyz", s.health)
	paths.Handle("GET /metrics", s.health.metrics)
	return &http.Server{
		Handler: paths, ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: scrapeTime, IdleTimeout: idleTime, MaxHeaderBytes: headerMost,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}

// uploadMemory registers how much memory uploads take on their way to S3. Without S3 it is always 0.
func uploadMemory(r *prometheus.Registry, stores *[]blob.Store) {
	gauge := func(name, help string, value func(blob.UploadMemory) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(blob.MemoryOfUploads(*stores...)) })
	}
	r.MustRegister(
		gauge("berth_upload_memory_bytes", "Memory that parts of uploads take on their way to S3.", func(m blob.UploadMemory) float64 { return float64(m.Held) }),
		gauge("berth_upload_memory_limit_bytes", "How much memory parts of uploads may take.", func(m blob.UploadMemory) float64 { return float64(m.Limit) }),
		gauge("berth_uploads_waiting", "Uploads that wait for memory on their way to S3.", func(m blob.UploadMemory) float64 { return float64(m.Waiting) }))
}

// apart is a crowd of its own, of n at most, that counts whom it refuses with w.
func (w *crowd) apart(n int) *crowd {
	return &crowd{all: n, from: n, members: map[net.Conn]*member{}, addresses: map[netip.Addr]*address{}, waiting: list.List{}, goodbyes: make(chan struct{}, 1), refused: w.refused}
}
