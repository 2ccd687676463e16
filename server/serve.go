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

	"github.com/berth-registry/berth/worker/sweep"
)

const (
	// drain is how long requests that have begun may go on after the end was asked for (F31).
	drain = 30 * time.Second
	// headerTime bounds how long a client may take over its headers, and headerMost their size in bytes (H14). net/http allows 4 KiB more.
	headerTime = 10 * time.Second
	headerMost = 28 << 10
	idleTime   = 3 * time.Minute
)

// Listeners are the open sockets of a server.
type Listeners struct {
	sockets      []net.Listener
	certificates *certificates // nil without TLS
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
		socket, err := net.Listen("tcp", addr)
		if err != nil {
			l.close()
			if errors.Is(err, unix.EADDRINUSE) {
				return nil, fmt.Errorf("--listen %s: another program uses this address; stop it, or choose another address: %w", addr, err)
			}
			return nil, fmt.Errorf("--listen %s: %w", addr, err)
		}
		l.sockets = append(l.sockets, socket)
	}
	return l, nil
}

func (l *Listeners) close() {
	for _, socket := range l.sockets {
		socket.Close() //nolint:errcheck // nothing was accepted
	}
}

// URLs are where this machine reaches the sockets.
func (l *Listeners) URLs() []string {
	var urls []string
	for _, socket := range l.sockets {
		scheme := "http://"
		if l.certificates != nil {
			scheme = "https://"
		}
		at := socket.Addr().String()
		if host, port, err := net.SplitHostPort(at); err == nil && net.ParseIP(host).IsUnspecified() {
			at = net.JoinHostPort("127.0.0.1", port)
		}
		urls = append(urls, scheme+at)
	}
	return urls
}

// Serve answers requests until ctx ends, then lets those that have begun finish, for half a minute. It closes the sockets.
func (s *Server) Serve(ctx context.Context, l *Listeners) error {
	h := &http.Server{
		Handler: s.handler, ConnContext: connection,
		ReadHeaderTimeout: headerTime, MaxHeaderBytes: headerMost, IdleTimeout: idleTime,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	if l.certificates != nil {
		h.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.certificates.get}
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { sweep.Run(work, s.registry) })
	defer background.Wait()
	defer stop()

	failed := make(chan error, len(l.sockets))
	for _, socket := range l.sockets {
		go func() {
			if l.certificates != nil {
				failed <- h.ServeTLS(socket, "", "")
			} else {
				failed <- h.Serve(socket)
			}
		}()
	}
	select {
	case err := <-failed:
		h.Close() //nolint:errcheck // the first error tells
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	slog.Info("ending: requests that have begun may finish", "seconds", drain.Seconds())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := h.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		slog.Warn("requests were still running and are cut off")
		return h.Close()
	} else if err != nil {
		return fmt.Errorf("end: %w", err)
	}
	return nil
}
