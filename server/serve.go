package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/worker/archive"
	"github.com/berth-registry/berth/worker/expiry"
	"github.com/berth-registry/berth/worker/gc"
	"github.com/berth-registry/berth/worker/scrub"
	"github.com/berth-registry/berth/worker/signing"
	"github.com/berth-registry/berth/worker/sweep"
)

const (
	// drain is how long requests that have begun may go on after the end was asked for (F31).
	drain = 30 * time.Second
	// failedDrain is the same for a server whose database takes no writes any more: pulls may end.
	failedDrain = 5 * time.Second
	// headerTime bounds how long a client may take over its headers, and headerMost their size in bytes (H14). net/http allows 4 KiB more.
	headerTime = 10 * time.Second
	headerMost = 28 << 10
	idleTime   = 3 * time.Minute
	// streamsMost is how many requests may be under way on one connection of HTTP/2.
	streamsMost = 100
)

// Listeners are the open sockets of a server.
type Listeners struct {
	sockets      []listener
	certificates *certificates // nil without TLS
	metrics      net.Listener  // of --metrics-listen; nil without
}

// listener is a socket, and the private endpoint that it is; nil for a public one.
type listener struct {
	net.Listener
	endpoint *iam.Endpoint
}

// Listen opens the sockets, so that the first request can come before Serve runs.
func (s *Server) Listen() (_ *Listeners, err error) {
	l := &Listeners{}
	if s.config.secure() {
		if l.certificates, err = s.certificates(); err != nil {
			return nil, err
		}
	}
	for _, addr := range s.config.Listen {
		if err := l.open("--listen", addr, nil); err != nil {
			l.close()
			return nil, err
		}
	}
	for i := range s.config.VPCEndpoint {
		e := &s.config.VPCEndpoint[i]
		endpoint, err := e.load()
		if err == nil {
			err = l.open("--vpc-endpoint", e.Address, endpoint)
		}
		if err != nil {
			l.close()
			return nil, err
		}
	}
	if addr := s.config.MetricsListen; addr != "" {
		if l.metrics, err = listen("--metrics-listen", addr); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// open opens a socket; flag is the one that asked for it.
func (l *Listeners) open(flag, addr string, endpoint *iam.Endpoint) error {
	socket, err := listen(flag, addr)
	if err == nil {
		l.sockets = append(l.sockets, listener{socket, endpoint})
	}
	return err
}

func listen(flag, addr string) (net.Listener, error) {
	socket, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("%s %s: another program uses this address; stop it, or choose another address: %w", flag, addr, err)
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", flag, addr, err)
	}
	return socket, nil
}

func (l *Listeners) close() {
	for _, socket := range l.sockets {
		socket.Close() //nolint:errcheck // nothing was accepted
	}
	if l.metrics != nil {
		l.metrics.Close() //nolint:errcheck // nothing was accepted
	}
}

// URLs are where this machine reaches the public sockets.
func (l *Listeners) URLs() []string {
	var urls []string
	for _, socket := range l.sockets {
		if socket.endpoint == nil {
			urls = append(urls, l.url(socket))
		}
	}
	return urls
}

// EndpointURLs are where this machine reaches the private endpoints, by their ids.
func (l *Listeners) EndpointURLs() map[string]string {
	urls := map[string]string{}
	for _, socket := range l.sockets {
		if socket.endpoint != nil {
			urls[socket.endpoint.ID] = l.url(socket)
		}
	}
	return urls
}

func (l *Listeners) url(socket listener) string {
	scheme := "http://"
	if l.certificates != nil {
		scheme = "https://"
	}
	return scheme + reached(socket)
}

// MetricsURL is where this machine reads the metrics of --metrics-listen; "" without.
func (l *Listeners) MetricsURL() string {
	if l.metrics == nil {
		return ""
	}
	return "http://" + reached(l.metrics) + "/metrics"
}

// reached is the address at which this machine reaches a socket.
func reached(socket net.Listener) string {
	at := socket.Addr().String()
	if host, port, err := net.SplitHostPort(at); err == nil && net.ParseIP(host).IsUnspecified() {
		at = net.JoinHostPort("127.0.0.1", port)
	}
	return at
}

// Serve answers requests until ctx ends, then lets those that have begun finish, for half a minute. It closes the sockets. It also ends, with an error, when the database cannot be
// trusted any more to keep what it is told (F06): a new process finds out what is on the disk.
func (s *Server) Serve(ctx context.Context, l *Listeners) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { sweep.Run(s.workers.Watch(work, "sweep"), s.registry) })
	background.Go(func() { expiry.Run(s.workers.Watch(work, "expiry"), s.registry) })
	background.Go(func() { gc.Run(s.workers.Watch(work, "gc"), s.registry, s.garbage) })
	if s.config.Scrub > 0 {
		background.Go(func() { scrub.Run(s.workers.Watch(work, "scrub"), s.registry, s.scrub, int64(s.config.Scrub)) })
	}
	if s.config.ArchiveBlobs != "" {
		background.Go(func() { archive.Run(s.workers.Watch(work, "archive"), s.registry) })
	}
	background.Go(func() { signing.Run(s.workers.Watch(work, "signing"), s.registry) })
	defer background.Wait()
	defer stop()

	// A server for each socket: its connections have to know where they came in.
	failed := make(chan error, len(l.sockets)+1)
	servers := make([]*http.Server, len(l.sockets))
	for i, socket := range l.sockets {
		h := s.server(l, socket.endpoint)
		servers[i] = h
		go func() {
			bounded := bounded{socket.Listener, s.crowd, l.certificates == nil}
			if l.certificates != nil {
				failed <- h.ServeTLS(bounded, "", "")
			} else {
				failed <- h.Serve(bounded)
			}
		}()
	}
	if l.metrics != nil {
		h, scrapers := s.metricsServer(), s.crowd.apart(scrapersMost)
		h.ConnState = scrapers.state
		servers = append(servers, h)
		go func() { failed <- h.Serve(bounded{l.metrics, scrapers, true}) }()
	}
	select {
	case err := <-failed:
		for _, h := range servers {
			h.Close() //nolint:errcheck // the first error tells
		}
		return fmt.Errorf("serve: %w", err)
	case <-s.db.Failed():
	case <-ctx.Done():
	}
	patience := drain
	if s.db.Err() != nil {
		patience = failedDrain
	}
	slog.Info("ending: requests that have begun may finish", "seconds", patience.Seconds())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	ended := make(chan error, len(servers))
	for _, h := range servers {
		go func() {
			err := h.Shutdown(grace)
			if errors.Is(err, context.DeadlineExceeded) {
				slog.Warn("requests were still running and are cut off")
				err = h.Close()
			}
			ended <- err
		}()
	}
	var err error
	for range servers {
		err = errors.Join(err, <-ended)
	}
	if failed := s.db.Err(); failed != nil {
		return fmt.Errorf("%w; look at the disk, and start berth again: everything that was acknowledged is there", failed)
	}
	if err != nil {
		return fmt.Errorf("end: %w", err)
	}
	return nil
}

// server makes what answers the connections of a socket.
func (s *Server) server(l *Listeners, endpoint *iam.Endpoint) *http.Server {
	h := &http.Server{
		Handler: s.handler, ConnContext: s.crowd.connection, ConnState: s.crowd.state,
		ReadHeaderTimeout: headerTime, MaxHeaderBytes: headerMost, IdleTimeout: idleTime,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	// A connection of HTTP/2 is as much as so many of HTTP/1; streams that are opened and reset at once end it, which net/http sees to by the same number.
	h.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streamsMost, SendPingTimeout: idleTime, PingTimeout: headerTime, WriteByteTimeout: front.IdleTime}
	if endpoint != nil {
		h.BaseContext = func(net.Listener) context.Context { return front.Through(context.Background(), endpoint) }
	}
	if l.certificates != nil {
		h.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.certificates.get}
	}
	return h
}
