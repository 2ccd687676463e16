package sweep_test

import (
	"context"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/worker/sweep"
	"github.com/berth-registry/berth/worker/workertest"
)

// I7: a node that starts removes what was left alone for a day and what was deleted longer ago than it is kept, and ends when it is told to.
func TestRun(t *testing.T) {
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	blobs, err := blob.OpenFiles(t.TempDir())
	check(err)
	s := workertest.Open(t, blobs, registry.Options{KeepRemoved: time.Hour})
	r := s.Repo
	old, err := r.StartUpload(ctx)
	check(err)
	_, err = r.PutImage(ctx, registry.PutImage{Body: []byte(`{"schemaVersion":2,"mediaType":"` + oci.MediaTypeImageIndex + `","manifests":[]}`), Tag: "v1"})
	check(err)
	_, _, err = r.DeleteImages(ctx, []registry.Reference{{Tag: "v1"}})
	check(err)
	removed := func() (n int) {
		t.Helper()
		check(s.DB.Row(ctx, `SELECT count(*) FROM removed_image`, nil, &n))
		return n
	}
	if removed() != 1 {
		t.Fatal("what was deleted is not kept")
	}
	s.Later(25 * time.Hour)
	fresh, err := r.StartUpload(ctx)
	check(err)

	workertest.While(ctx, t, func(ctx context.Context) { sweep.Run(ctx, s.Registry) }, func() bool {
		_, err := r.Upload(ctx, old.ID)
		return fault.Is(err, fault.UploadNotFound) && removed() == 0
	})
	_, err = r.Upload(ctx, fresh.ID)
	check(err)
}
