package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health answers those who watch: /healthz (the process answers), /readyz (its database and its disks work too) and /metrics, which names repositories and is
// therefore told to the operator's networks only.
type health struct {
	ready       func(context.Context) error
	metricsFrom []netip.Prefix
	metrics     *prometheus.Registry
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/healthz":
		w.Write([]byte("ok\n")) //nolint:errcheck // who asked has gone
	case "/readyz":
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if err := h.ready(ctx); err != nil {
			slog.WarnContext(r.Context(), "not ready", "error", err)
			http.Error(w, "the database or a disk does not answer as it should: the log says more", http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ready\n")) //nolint:errcheck // who asked has gone
	case "/metrics":
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !slices.ContainsFunc(h.metricsFrom, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) }) {
			http.Error(w, "metrics are told to the networks of --metrics-from only", http.StatusForbidden)
			return
		}
		promhttp.HandlerFor(h.metrics, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	}
}
