package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// health answers those who watch: /healthz (the process answers), /readyz (its database and its disks work too) and /metrics.
type health struct {
	ready   func(context.Context) error
	metrics *metrics
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
		h.metrics.among(w, r)
	}
}
