package scrub_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/worker"
	"github.com/berth-registry/berth/worker/gc"
	"github.com/berth-registry/berth/worker/scrub"
	"github.com/berth-registry/berth/worker/workertest"
)

// F07: a scrub that is slow is seen to be at work while it reads one layer, and a layer whose bytes have changed is counted where it was found and, for as long as it is quarantined, by every
// node that looks.
func TestRun(t *testing.T) {
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	blobs, err := blob.OpenFiles(folder)
	check(err)
	s := workertest.Open(t, blobs, registry.Options{})
	g, r := s.Registry, s.Repo
	content := bytes.Repeat([]byte("x"), 2<<20)
	_, err = r.PutLayer(ctx, oci.FromBytes(content), bytes.NewReader(content))
	check(err)
	damaged := 0
	check(filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() != int64(len(content)) {
			return err
		}
		damaged++
		return os.WriteFile(path, append([]byte("y"), content[1:]...), 0o600)
	}))
	if damaged != 1 {
		t.Fatalf("%d files have the layer", damaged)
	}

	measured := prometheus.NewRegistry()
	workers, scrubbed, collected := worker.NewMetrics(measured), scrub.NewMetrics(measured), gc.NewMetrics(measured)
	value := func(name string) float64 { t.Helper(); return workertest.Value(t, measured, name) }
	during := func(work func(ctx context.Context), until func() bool) {
		t.Helper()
		workertest.While(workers.Watch(ctx, "scrub"), t, work, until)
	}
	const sign = "berth_worker_last_run_timestamp_seconds"
	began := make(chan float64, 1)
	first := 0.0
	during(func(ctx context.Context) {
		began <- value(sign)
		scrub.Run(ctx, g, scrubbed, 1) // a byte a second: this layer takes weeks
	}, func() bool {
		if first == 0 {
			first = <-began
		}
		return value(sign) > first
	})
	if n := value("berth_scrub_suspects_total"); n != 0 {
		t.Fatalf("the layer was read at once: %v", n)
	}
	s.Later(time.Hour) // another node goes on
	during(func(ctx context.Context) { scrub.Run(ctx, g, scrubbed, 1<<30) }, func() bool { return value("berth_scrub_suspects_total") == 1 })
	if n := value("berth_layers_quarantined"); n != 0 {
		t.Errorf("before anybody looked %v layers are quarantined", n)
	}
	during(func(ctx context.Context) { gc.Run(ctx, g, collected) }, func() bool { return value("berth_layers_quarantined") == 1 })

	_, err = r.PutLayer(ctx, oci.FromBytes(content), bytes.NewReader(content))
	check(err)
	during(func(ctx context.Context) { gc.Run(ctx, g, collected) }, func() bool { return value("berth_layers_quarantined") == 0 })
}
