package archive_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/worker/archive"
	"github.com/berth-registry/berth/worker/workertest"
)

// LC-35, LC-37: a node moves the layers of archived images into the archive's store, of whatever kind, and back when one is asked for; it ends when it is told to.
func TestRun(t *testing.T) {
	files := func(t *testing.T) string { return t.TempDir() }
	s3 := func(t *testing.T) string { return s3test.Start(t).URL("archive") }
	for name, stores := range map[string][2]func(*testing.T) string{"from files to S3": {files, s3}, "from S3 to files": {s3, files}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, stores[0](t), stores[1](t))
		})
	}
}

func run(t *testing.T, hot, cold string) {
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	blobs, err := blob.Open(ctx, hot)
	check(err)
	away, err := blob.Open(ctx, cold)
	check(err)
	s := workertest.Open(t, blobs, registry.Options{Archive: away})
	r := s.Repo

	layer := make([]byte, 6<<20) // more than one part on S3
	rand.Read(layer)
	config := []byte("{}")
	describe := func(content []byte) map[string]any {
		_, err := r.PutLayer(ctx, oci.FromBytes(content), bytes.NewReader(content))
		check(err)
		return map[string]any{"mediaType": "application/octet-stream", "digest": oci.FromBytes(content), "size": len(content)}
	}
	body, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest, "config": describe(config), "layers": []any{describe(layer)}})
	check(err)
	image := registry.Reference{Digest: oci.FromBytes(body)}
	_, err = r.PutImage(ctx, registry.PutImage{Body: body, Tag: "v1"})
	check(err)
	objects := func(s blob.Store) (n int) {
		t.Helper()
		check(s.Walk(ctx, func(blob.Key, int64, time.Time) error {
			n++
			return nil
		}))
		return n
	}

	running, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		archive.Run(running, s.Registry)
	}()
	eventually := func(done func() bool) {
		t.Helper()
		for range 3000 {
			if done() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("it did not happen")
	}
	_, err = r.Archive(ctx, image)
	check(err)
	eventually(func() bool { // until it is there it can be had again at once
		var moved bool
		check(s.DB.Row(ctx, `SELECT EXISTS (SELECT 1 FROM blob WHERE archived)`, nil, &moved))
		return moved && objects(away) == 1
	})
	_, err = r.Activate(ctx, image)
	check(err)
	eventually(func() bool {
		images, err := r.ImagesByID(ctx, []registry.Reference{image})
		check(err)
		return images[0].Status == registry.Active
	})
	end()
	<-ended
	if n := objects(blobs); n != 2 { // the one of before is deleted when nobody can be reading it any more
		t.Errorf("%d objects in the first store", n)
	}
	opened, err := r.OpenLayer(ctx, oci.FromBytes(layer))
	check(err)
	if opened.URL != "" {
		return // the client reads it there
	}
	defer opened.Close()
	if got, err := io.ReadAll(opened); err != nil || !bytes.Equal(got, layer) {
		t.Errorf("%d other bytes came back, %v", len(got), err)
	}
}
