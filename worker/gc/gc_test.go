package gc_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/worker/gc"
	"github.com/berth-registry/berth/worker/workertest"
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
	files, err := blob.OpenFiles(t.TempDir())
	check(err)
	blobs := &stubborn{Store: files}
	s := workertest.Open(t, blobs, registry.Options{})
	g, r := s.Registry, s.Repo
	const layers, size = 30, 100_000 // more than are collected at once
	var layer registry.Layer
	for n := range layers {
		content := bytes.Repeat([]byte{byte(n)}, size)
		layer, err = r.PutLayer(ctx, oci.FromBytes(content), bytes.NewReader(content))
		check(err)
	}
	s.Later(25 * time.Hour)

	measured := prometheus.NewRegistry()
	metrics := gc.NewMetrics(measured)
	value := func(name string) float64 { t.Helper(); return workertest.Value(t, measured, name) }
	run := func(until func() bool) {
		t.Helper()
		workertest.While(ctx, t, func(ctx context.Context) { gc.Run(ctx, g, metrics) }, until)
	}
	run(func() bool { return value("berth_gc_reclaimable_bytes") == layers*size })
	if _, err := r.Layer(ctx, layer.Digest); !fault.Is(err, fault.LayerNotFound) {
		t.Errorf("the layer: %v", err)
	}
	for condemned := int64(1); condemned > 0; { // other nodes, some rounds later
		s.Later(61 * time.Minute)
		for more := true; more; {
			c, err := g.Collect(ctx)
			check(err)
			more = c.More
		}
		status, err := g.Garbage(ctx)
		check(err)
		condemned = status.Condemned
	}
	s.Later(3 * time.Hour)
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
