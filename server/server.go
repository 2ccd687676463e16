package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/api/ecr"
	"github.com/berth-registry/berth/api/front"
	iamapi "github.com/berth-registry/berth/api/iam"
	"github.com/berth-registry/berth/api/operator"
	orgapi "github.com/berth-registry/berth/api/organizations"
	stsapi "github.com/berth-registry/berth/api/sts"
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/worker"
	"github.com/berth-registry/berth/worker/gc"
	"github.com/berth-registry/berth/worker/scrub"
)

// Server is a whole berth. It is made by Open, serves by Serve, and ends by Close.
type Server struct {
	// First is set when this start made the first account.
	First *FirstAccount

	config   Config
	names    *front.Names
	handler  http.Handler
	health   *health
	registry *registry.Registry
	identity *iam.Directory
	orgs     *org.Organizations
	garbage  *gc.Metrics
	scrub    *scrub.Metrics
	crowd    *crowd
	workers  *worker.Metrics
	tracer   trace.Tracer // nil unless traces are sent somewhere
	db       *sql.DB
	disks    []*disk
	stores   []blob.Store // for layers and for archived ones, as they were opened
	closers  []func()
}

// FirstAccount is the account that a first start makes, with the access key of its root user.
type FirstAccount struct {
	ID              string
	CredentialsFile string
}

// Options are what a program sets and a user does not.
type Options struct {
	// Now is the clock; nil is that of this machine for who may do what, and that of the database for how long what is kept (F23).
	Now func() time.Time
	// Log takes the access log; nil is none.
	Log *slog.Logger
}

// Open makes or opens everything that the configuration names, in the order in which the floors stand on each other. What it opened is closed again when it fails.
func Open(ctx context.Context, c Config, o Options) (_ *Server, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: c, names: &front.Names{Domain: c.Domain, Regions: c.Regions}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := c.create(); err != nil {
		return nil, err
	}
	if err := s.openTraces(ctx); err != nil {
		return nil, err
	}
	lock, err := lockData(c.Data)
	if err != nil {
		return nil, err
	}
	s.onClose(func() { lock.Close() }) //nolint:errcheck // the end of the process lets go of it too

	db, err := s.openDatabase(ctx, c.in(&c.Folder))
	if err != nil {
		return nil, err
	}
	db.KeepReserve()
	s.db, s.disks = db, c.disks()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(newDiskMetrics(s))
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	db.Register(metrics)
	uploadMemory(metrics, &s.stores)
	measured := front.NewMetrics(metrics)
	s.garbage, s.scrub, s.workers = gc.NewMetrics(metrics), scrub.NewMetrics(metrics), worker.NewMetrics(metrics)
	s.crowd = newCrowd(&c.Connections, c.TrustedProxy, metrics)
	// Nodes that start at once on one database come one after the other: tables, keys and the first account are made once.
	var log *audit.Log
	err = db.Exclusively(ctx, func() (err error) {
		log, err = s.openFloors(ctx, db, o, measured)
		return err
	})
	if err != nil {
		return nil, err
	}

	// Floor 5: the doors.
	services, layers, err := s.services(ctx, log)
	if err != nil {
		return nil, err
	}
	rates, err := c.Limits.front(services)
	if err != nil {
		return nil, err
	}
	turns, err := c.turns(metrics)
	if err != nil {
		return nil, err
	}
	s.onClose(turns.Close)
	s.health = &health{s.healthy, newMetrics(&c, metrics)}
	f := &front.Front{
		Names: s.names, Identity: s.identity, Registry: s.registry, Services: services, Layers: layers,
		Distribution: &distribution.Door{Registry: s.registry, ChunkCreated: c.ChunkCreated}, Health: s.health,
		Audit: log, AccessLog: o.Log, Metrics: measured, Tracer: s.tracer, Rates: rates, Turns: turns, TrustedProxies: c.TrustedProxy, Now: o.Now,
	}
	f.Open()
	s.handler = f
	return s, nil
}

// openFloors opens floors 1 to 3: what is kept, who may do what, and the registry.
func (s *Server) openFloors(ctx context.Context, db *sql.DB, o Options, measured *front.Metrics) (*audit.Log, error) {
	c := &s.config
	log, err := audit.Open(ctx, db)
	if err != nil {
		return nil, err
	}
	s.onClose(log.Close)
	blobs, archive, err := c.Stores.open(ctx, &c.Folder)
	if err != nil {
		return nil, err
	}
	s.stores = []blob.Store{blobs, archive}
	if s.tracer != nil {
		blobs = blob.Traced(blobs)
		if archive != nil {
			archive = blob.Traced(archive)
		}
	}
	blobs = blob.Paced(blobs)
	if archive != nil {
		archive = blob.Paced(archive)
	}
	tokens, err := c.verifier(o.Now)
	if err != nil {
		return nil, err
	}
	if s.identity, err = iam.Open(ctx, db, log, iam.Options{Now: o.Now, Tokens: tokens}); err != nil {
		return nil, err
	}
	s.onClose(s.identity.Close)
	if s.orgs, err = org.Open(ctx, db, log, s.identity, org.Options{Now: o.Now}); err != nil {
		return nil, err
	}
	quotas, err := c.quotas()
	if err != nil {
		return nil, err
	}
	if s.registry, err = registry.Open(ctx, db, blobs, s.identity, log, registry.Options{Now: o.Now, OnPull: measured.Pulled, OnDelete: measured.Deleted, KeepRemoved: c.KeepRemoved, Archive: archive, Limits: quotas}); err != nil {
		return nil, err
	}
	s.onClose(s.registry.Close)
	s.First, err = firstStart(ctx, c, s.identity)
	return log, err
}

// services binds each AWS service to its operations.
func (s *Server) services(ctx context.Context, log *audit.Log) ([]*awswire.Service, *front.Layers, error) {
	pageKey, err := s.registry.Secret(ctx, "pages")
	if err != nil {
		return nil, nil, err
	}
	layerKey, err := s.registry.Secret(ctx, "layers")
	if err != nil {
		return nil, nil, err
	}
	layers, err := front.NewLayers(layerKey, s.identity, s.registry)
	if err != nil {
		return nil, nil, err
	}
	names := ecr.Names{
		Endpoint: func(ctx context.Context, account, region string) string {
			call := iam.From(ctx)
			return s.names.Endpoint(account, region, call.Host, call.Secure)
		},
		URI: func(ctx context.Context, account, region, name string) string {
			return s.names.URI(account, region, name, iam.From(ctx).Host)
		},
		LayerURL: func(ctx context.Context, account, region string, id int64, name string, d oci.Digest, expires time.Time) (string, error) {
			call := iam.From(ctx)
			scheme := "http://"
			if call.Secure {
				scheme = "https://"
			}
			path, err := layers.Path(ctx, registry.Ref{Account: account, Region: region, Name: name}, id, d, expires)
			return scheme + call.Host + path, err
		},
	}
	pages := awswire.NewPages(pageKey)
	var services []*awswire.Service
	for _, bind := range []func() (*awswire.Service, error){
		func() (*awswire.Service, error) {
			return ecr.Service(&ecr.API{Registry: s.registry, Directory: s.identity, Names: names, Pages: pages})
		},
		func() (*awswire.Service, error) {
			return iamapi.Service(&iamapi.API{Directory: s.identity, Pages: pages})
		},
		func() (*awswire.Service, error) { return stsapi.Service(&stsapi.API{Directory: s.identity}) },
		func() (*awswire.Service, error) {
			return orgapi.Service(&orgapi.API{Organizations: s.orgs, Pages: pages})
		},
		func() (*awswire.Service, error) {
			return operator.Service(&operator.API{Directory: s.identity, Registry: s.registry, Logs: []*audit.Log{log}, Pages: pages})
		},
	} {
		service, err := bind()
		if err != nil {
			return nil, nil, err
		}
		services = append(services, service)
	}
	return services, layers, nil
}

// onClose registers what Close does, last first.
func (s *Server) onClose(f func()) { s.closers = append(s.closers, f) }

// Close ends everything that Open began, in the opposite order: what is pending is written while the database is still open.
func (s *Server) Close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.closers = nil
}

// Handler answers requests; Serve puts it behind the listeners.
func (s *Server) Handler() http.Handler { return s.handler }

// Identity gives the commands that work on a stopped server's data folder what they need.
func (s *Server) Identity() *iam.Directory { return s.identity }

// firstStart makes the first account where there is none, and writes its access key. There is no other way to it: no default key and no password exist.
func firstStart(ctx context.Context, c *Config, directory *iam.Directory) (*FirstAccount, error) {
	if _, err := directory.FirstAccount(ctx); !fault.Is(err, fault.NoSuchEntity) {
		return nil, err
	}
	// The file is tried first: an account whose only key was lost to a full disk would be out of everybody's reach.
	file := c.CredentialsFile()
	if err := WriteProfile(file, "default", Profile{}); err != nil {
		return nil, fmt.Errorf("first start: %w", err)
	}
	account, key, err := directory.CreateAccount(ctx, iam.NewAccount{ID: c.Account, Name: "first"})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("first start: %w", err), os.Remove(file))
	}
	if err := WriteProfile(file, "default", Profile{AccessKeyID: key.ID, SecretAccessKey: key.Secret, Region: c.Regions[0]}); err != nil {
		return nil, fmt.Errorf("first start: %w", err)
	}
	return &FirstAccount{ID: account.ID, CredentialsFile: file}, nil
}

// Logger makes the log that the configuration describes.
func (c *Config) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
