package gc_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/worker/gc"
)

// stubborn is a store that does not delete one of its objects, the first that it is told to, until it gives in.
type stubborn struct {
	blob.Store
	kept   sync.Map
	one    sync.Once
	gaveIn atomic.Bool
}

func (s *stubborn) Delete(ctx context.Context, key blob.Key) error {
	s.one.Do(func() { s.kept.Store(key, true) })
	if _, kept := s.kept.Load(key); kept && !s.gaveIn.Load() {
		return errors.New("no")
	}
	return s.Store.Delete(ctx, key)
}

// A node that starts collects what is due, tells what it did and what is left, and ends when it is told to. An object that cannot be deleted keeps it from nothing else.
func TestRun(t *testing.T) {
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var later atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	db, err := sql.Open(ctx, filepath.Join(t.TempDir(), "berth.db"))
	check(err)
	defer db.Close()
	files, err := blob.OpenFiles(t.TempDir())
	check(err)
	blobs := &stubborn{Store: files}
	log, err := audit.Open(ctx, db)
	check(err)
	defer log.Close()
	who, err := iam.Open(ctx, db, log, iam.Options{})
	check(err)
	defer who.Close()
	g, err := registry.Open(ctx, db, blobs, who, log, registry.Options{Now: now})
	check(err)
	defer g.Close()
	_, key, err := who.CreateAccount(ctx, iam.NewAccount{ID: "111222333444"})
	check(err)
	credential, err := who.Credential(ctx, key.ID, "", time.Now())
	check(err)
	r, err := g.CreateRepository(iam.With(ctx, &iam.Call{Principal: credential.Principal, Time: time.Now()}), registry.Ref{Account: "111222333444", Region: "us-east-1", Name: "app"}, registry.NewRepository{})
	check(err)
	const layers, size = 30, 100_000 // more than are collected at once
	var layer registry.Layer
	for n := range layers {
		content := bytes.Repeat([]byte{byte(n)}, size)
		layer, err = r.PutLayer(ctx, oci.FromBytes(content), bytes.NewReader(content))
		check(err)
	}
	later.Store(int64(25 * time.Hour))

	measured := prometheus.NewRegistry()
	metrics := gc.NewMetrics(measured)
	value := func(name string) float64 {
		t.Helper()
		families, err := measured.Gather()
		check(err)
		for _, f := range families {
			if f.GetName() == name {
				return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		t.Fatalf("no metric %s", name)
		return 0
	}
	run := func(until func() bool) {
		t.Helper()
		running, end := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			gc.Run(running, g, metrics)
		}()
		for n := 0; !until(); n++ {
			if n == 1000 {
				t.Fatal("it did not happen")
			}
			time.Sleep(10 * time.Millisecond)
		}
		end()
		<-ended
	}
	run(func() bool { return value("berth_gc_reclaimable_bytes") == layers*size })
	if _, err := r.Layer(ctx, layer.Digest); !fault.Is(err, fault.LayerNotFound) {
		t.Errorf("the layer: %v", err)
	}
	for condemned := int64(1); condemned > 0; { // other nodes, some rounds later
		later.Add(int64(61 * time.Minute))
		for more := true; more; {
			c, err := g.Collect(ctx)
			check(err)
			more = c.More
		}
		status, err := g.Garbage(ctx)
		check(err)
		condemned = status.Condemned
	}
	later.Add(int64(3 * time.Hour))
	run(func() bool {
		return value("berth_gc_freed_bytes_total") == (layers-1)*size && value("berth_gc_reclaimable_bytes") == size
	})
	blobs.gaveIn.Store(true)
	run(func() bool {
		return value("berth_gc_freed_bytes_total") == layers*size && value("berth_gc_reclaimable_bytes") == 0
	})
	if w, o := value("berth_gc_queue"), value("berth_gc_oldest_seconds"); w+o != 0 {
		t.Errorf("%v wait, the first for %v s", w, o)
	}
}
