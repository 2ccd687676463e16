package registry_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// LC-35, LC-37: layers that only archived images of the whole cell use move into the archive's store, and back; an image is not active before all of it is back, but for a push
// (API-71). Old objects are deleted when nobody can be reading them.
func TestMoveLayers(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		cold, folder := t.TempDir(), t.TempDir()
		archive, err := blob.Open(t.Context(), cold)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, dsn, folder, registry.Options{Archive: archive})
		r, other := w.repo("cold"), w.repo("other")
		big, shared := random(200_000), random(150_000)
		image := func(r *registry.Repo, tag string, layers ...[]byte) ([]byte, oci.Digest) {
			t.Helper()
			body := w.manifest(r, func(m map[string]any) {
				var list []any
				for _, l := range layers {
					w.push(r, l)
					list = append(list, describe("application/vnd.oci.image.layer.v1.tar", l))
				}
				m["layers"] = list
			})
			return body, w.image(r, tag, body)
		}
		body, d := image(r, "v1", big, shared)
		_, user := image(other, "v1", shared)
		where := func(hot, inCold int) {
			t.Helper()
			h, left := objects(t, folder)
			c, leftCold := objects(t, cold)
			if h != hot || c != inCold || left+leftCold != 0 {
				t.Fatalf("%d objects and %d in the archive, %d leftovers; want %d and %d", h, c, left+leftCold, hot, inCold)
			}
		}
		move := func(want int) {
			t.Helper()
			moved, err := w.MoveLayers(w.Context(), nil)
			if err != nil || moved != want {
				t.Fatal(moved, err)
			}
		}
		reads := func(r *registry.Repo, content []byte) {
			t.Helper()
			l, err := r.OpenLayer(w.Context(), oci.FromBytes(content))
			w.ok(err)
			got, err := io.ReadAll(l)
			if err != nil || !bytes.Equal(got, content) {
				t.Fatal(len(got), err)
			}
			w.ok(l.Close())
		}
		move(0)
		where(2, 0)
		reads(r, big)
		w.archive(r, registry.Reference{Tag: "v1"})
		move(1)
		where(2, 1) // somebody may still be reading the old one
		w.clock.advance(3 * time.Hour)
		move(0)
		w.collect(w)
		where(1, 1)
		reads(other, shared)
		w.archive(other, registry.Reference{Digest: user})
		move(1)
		w.clock.advance(3 * time.Hour)
		move(0)
		w.collect(w)
		where(0, 2)

		// A store with what others need must be named.
		if _, err := registry.Open(t.Context(), w.db, w.blobs, w.dir, w.log, registry.Options{Now: w.clock.Now}); err == nil {
			t.Fatal("the registry serves without the archive's store")
		}

		// Back: not before all of it is there.
		_, err = r.Activate(w.Context(), registry.Reference{Digest: d})
		w.ok(err)
		if s := w.only(r, d).Status; s != registry.Activating {
			t.Fatal(s)
		}
		w.unpullable(r, registry.Reference{Digest: d})
		move(2)
		w.there(r, d)
		if w.only(r, d).ActivatedAt.IsZero() {
			t.Fatal("it does not say when")
		}
		reads(r, big)
		reads(r, shared)
		w.clock.advance(3 * time.Hour)
		move(0)
		w.collect(w)
		where(2, 0)
		w.unpullable(other, registry.Reference{Digest: user})

		// A push brings it back at once: what is not back yet is read where it is, also for another repository that pushes the same content.
		w.archive(r, registry.Reference{Digest: d})
		move(2)
		_, err = r.PutImage(w.Context(), registry.PutImage{Body: body, Tag: "v1"})
		w.ok(err)
		w.there(r, d)
		reads(r, big)
		third := w.repo("third")
		_, of := image(third, "v1", big)
		w.there(third, of)
		reads(third, big)
		move(2)
		reads(r, big)
		reads(third, big)
		w.clock.advance(3 * time.Hour)
		move(0)
		w.collect(w)
		where(2, 0)
	})
}
