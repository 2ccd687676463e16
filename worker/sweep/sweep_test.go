package sweep_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/worker/sweep"
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
	var later atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	db, err := sql.Open(ctx, filepath.Join(t.TempDir(), "berth.db"))
	check(err)
	defer db.Close()
	blobs, err := blob.OpenFiles(t.TempDir())
	check(err)
	log, err := audit.Open(ctx, db)
	check(err)
	defer log.Close()
	who, err := iam.Open(ctx, db, log, iam.Options{Now: now})
	check(err)
	defer who.Close()
	g, err := registry.Open(ctx, db, blobs, who, log, registry.Options{Now: now, KeepRemoved: time.Hour})
	check(err)
	defer g.Close()
	_, key, err := who.CreateAccount(ctx, iam.NewAccount{ID: "111222333444"})
	check(err)
	credential, err := who.Credential(ctx, key.ID, "", now())
	check(err)
	r, err := g.CreateRepository(iam.With(ctx, &iam.Call{Principal: credential.Principal, Time: now()}), registry.Ref{Account: "111222333444", Region: "us-east-1", Name: "app"}, registry.NewRepository{})
	check(err)
	old, err := r.StartUpload(ctx)
	check(err)
	_, err = r.PutImage(ctx, registry.PutImage{Body: []byte(`{"schemaVersion":2,"mediaType":"` + oci.MediaTypeImageIndex + `","manifests":[]}`), Tag: "v1"})
	check(err)
	_, _, err = r.DeleteImages(ctx, []registry.Reference{{Tag: "v1"}})
	check(err)
	removed := func() (n int) {
		t.Helper()
		check(db.Row(ctx, `SELECT count(*) FROM removed_image`, nil, &n))
		return n
	}
	if removed() != 1 {
		t.Fatal("what was deleted is not kept")
	}
	later.Store(int64(25 * time.Hour))
	fresh, err := r.StartUpload(ctx)
	check(err)

	running, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sweep.Run(running, g)
	}()
	for n := 0; ; n++ {
		if _, err = r.Upload(ctx, old.ID); fault.Is(err, fault.UploadNotFound) {
			break
		}
		if n == 1000 {
			t.Fatalf("the upload is still there: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for n := 0; removed() > 0; n++ {
		if n == 1000 {
			t.Fatal("what was deleted more than an hour ago is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, err = r.Upload(ctx, fresh.ID)
	check(err)
	end()
	<-ended
}
