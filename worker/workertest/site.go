// Package workertest opens what the tests of workers work at: a registry of one node, with an account and a repository.
package workertest

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// Site is a registry on SQLite and a store of the test's, in whose clock time passes when the test says so.
type Site struct {
	DB       *sql.DB
	Registry *registry.Registry
	Root     context.Context // of requests of the account's root user
	Repo     *registry.Repo  // the account's repository "app"

	later atomic.Int64
}

// Open opens the registry with these options and its own clock, until the test ends.
func Open(t testing.TB, blobs blob.Store, options registry.Options) *Site {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, s := t.Context(), &Site{}
	var err error
	s.DB, err = sql.Open(ctx, filepath.Join(t.TempDir(), "berth.db"))
	check(err)
	t.Cleanup(func() { s.DB.Close() })
	log, err := audit.Open(ctx, s.DB)
	check(err)
	t.Cleanup(log.Close)
	who, err := iam.Open(ctx, s.DB, log, iam.Options{Now: s.Now})
	check(err)
	t.Cleanup(who.Close)
	options.Now = s.Now
	s.Registry, err = registry.Open(ctx, s.DB, blobs, who, log, options)
	check(err)
	t.Cleanup(s.Registry.Close)
	const account = "111222333444"
	_, key, err := who.CreateAccount(ctx, iam.NewAccount{ID: account})
	check(err)
	credential, err := who.Credential(ctx, key.ID, "", s.Now())
	check(err)
	s.Root = iam.With(ctx, &iam.Call{Principal: credential.Principal, Time: s.Now()})
	s.Repo, err = s.Registry.CreateRepository(s.Root, registry.Ref{Account: account, Region: "us-east-1", Name: "app"}, registry.NewRepository{})
	check(err)
	return s
}

// Now is the registry's time.
func (s *Site) Now() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }

// Later lets so much time pass.
func (s *Site) Later(d time.Duration) { s.later.Add(int64(d)) }

// While runs a worker until something has happened, asked again and again, and then waits for the worker's end.
func While(ctx context.Context, t testing.TB, run func(ctx context.Context), happened func() bool) {
	t.Helper()
	running, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(running)
	}()
	defer func() { <-ended }()
	defer end()
	for range 3000 {
		if happened() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}

// Value is what the first gauge or counter of a name says.
func Value(t testing.TB, measured prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := measured.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
