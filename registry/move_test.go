package registry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// at is a store that lets a test act while a blob is copied into it: at each of these steps, by name.
type at struct {
	blob.Store
	step func(name string) error
}

func (s *at) Append(ctx context.Context, u *blob.Upload, r io.Reader) error {
	if err := s.step("begin"); err != nil {
		return err
	}
	half := &stepwise{r, func() error { return s.step("half") }}
	if err := s.Store.Append(ctx, u, half); err != nil {
		return err
	}
	return s.step("all")
}

func (s *at) Commit(ctx context.Context, u *blob.Upload) error {
	if err := s.Store.Commit(ctx, u); err != nil {
		return err
	}
	return s.step("stored")
}

// stepwise reads 64 KiB at a time, and calls step after each.
type stepwise struct {
	io.Reader
	step func() error
}

func (s *stepwise) Read(p []byte) (int, error) {
	n, err := io.ReadFull(s.Reader, p[:min(len(p), 64<<10)])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if n > 0 {
		err = errors.Join(err, s.step())
	}
	return n, err
}

// archived makes an image of one layer and archives it, so that the layer is to be moved.
func (w *world) archived(r *registry.Repo, tag string, layer []byte) (d oci.Digest) {
	w.Helper()
	w.push(r, layer)
	d = w.image(r, tag, w.manifest(r, func(m map[string]any) { m["layers"] = []any{describe("x/y", layer)} }))
	w.archive(r, registry.Reference{Digest: d})
	return d
}

// readsBack brings an image back and compares its layer byte for byte. It leaves the layer in the first store.
func (w *world) readsBack(n node, r *registry.Repo, image oci.Digest, layer []byte) {
	w.Helper()
	_, err := r.Activate(w.Context(), registry.Reference{Digest: image})
	w.ok(err)
	_, err = n.MoveLayers(w.Context(), nil)
	w.ok(err)
	if !bytes.Equal(w.read(r, oci.FromBytes(layer)), layer) {
		w.Fatal("other bytes came back")
	}
}

// LC-35: a worker that copies for hours has the layer to itself and is seen to be at work, as long as bytes flow; from one that gives no sign of life another takes it over, and the layer is moved once.
func TestMoveLease(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		cold, hot := t.TempDir(), t.TempDir()
		archive, err := blob.OpenFiles(cold)
		if err != nil {
			t.Fatal(err)
		}
		during := func(string) error { return nil }
		w := newWorld(t, dsn, hot, registry.Options{Archive: &at{archive, func(step string) error { return during(step) }}})
		other := w.open(hot, registry.Options{Archive: archive})
		r, layer := w.repo("slow"), random(300<<10)
		image := w.archived(r, "v1", layer)
		began := w.clock.Now()
		during = func(string) error {
			w.clock.advance(10 * time.Minute)
			if moved, err := other.MoveLayers(w.Context(), nil); err != nil || moved != 0 {
				t.Errorf("another worker moved it meanwhile: %d, %v", moved, err)
			}
			return nil
		}
		signs := 0
		if moved, err := w.MoveLayers(w.Context(), func() { signs++ }); err != nil || moved != 1 {
			t.Fatal(moved, err)
		}
		if signs < 5 { // ten minutes lie between two reads
			t.Errorf("a worker that copies for hours looks stuck: %d signs of life", signs)
		}
		if took := w.clock.Now().Sub(began); took < time.Hour {
			t.Fatalf("it took only %s", took)
		}
		w.readsBack(other, r, image, layer)

		w.archive(r, registry.Reference{Digest: image})
		taken := false
		during = func(step string) error {
			if step == "half" && !taken {
				taken = true
				w.clock.advance(20 * time.Minute)
				if moved, err := other.MoveLayers(w.Context(), nil); err != nil || moved != 1 {
					t.Errorf("nobody took it over: %d, %v", moved, err)
				}
			}
			return nil
		}
		if moved, err := w.MoveLayers(w.Context(), nil); err != nil || moved != 0 || !taken {
			t.Fatal(moved, err)
		}
		w.clock.advance(3 * time.Hour)
		w.collect(w)
		if _, err := w.MoveLayers(w.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if stored, left := objects(t, cold); stored != 1 || left != 0 {
			t.Errorf("%d objects in the archive's store and %d leftovers", stored, left)
		}
		w.readsBack(other, r, image, layer)
	})
}

// A worker dies, or its store fails, at any step of a move: no byte is lost, the image comes back whole, the move is done again, and in the end there is one object and
// nothing else, on files and on S3.
func TestMoveInterrupted(t *testing.T) {
	stores := map[string]func(t *testing.T) string{
		"files": func(t *testing.T) string { return t.TempDir() },
		"s3":    func(t *testing.T) string { return s3test.Start(t).URL("archive") },
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hot := t.TempDir()
			archive, err := blob.Open(t.Context(), store(t))
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, sqltest.SQLite(t), hot, registry.Options{Archive: archive})
			r := w.repo("cold")
			failing := &at{Store: archive}
			worker := w.open(hot, registry.Options{Archive: failing})
			images := 0
			for _, dies := range []bool{false, true} {
				for _, step := range []string{"begin", "half", "all", "stored"} {
					layer := random(200 << 10)
					failed := false
					failing.step = func(name string) error {
						if name != step || failed {
							return nil
						}
						if failed = true; dies {
							panic(step) // it does nothing more, neither in the store nor in the database
						}
						return errors.New("the store is away")
					}
					image := w.archived(r, step, layer)
					func() {
						defer func() {
							if died := recover() != nil; died != dies {
								t.Fatal(step, died)
							}
						}()
						if moved, err := worker.MoveLayers(w.Context(), nil); err == nil || moved != 0 {
							t.Fatal(step, moved, err)
						}
					}()
					if dies {
						w.clock.advance(15 * time.Minute)
					} else {
						w.clock.advance(time.Minute)
					}
					if moved, err := w.MoveLayers(w.Context(), nil); err != nil || moved != 1 {
						t.Fatalf("after %s (dies: %t): %d moved, %v", step, dies, moved, err)
					}
					if !dies {
						w.readsBack(w.node, r, image, layer)
						w.archive(r, registry.Reference{Digest: image})
						_, err := w.MoveLayers(w.Context(), nil)
						w.ok(err)
					}
					images++
				}
			}
			// What cannot be read any more is deleted, and what dead workers left of their copies is swept.
			w.clock.advance(25 * time.Hour)
			_, err = w.MoveLayers(w.Context(), nil)
			w.ok(err)
			w.collect(w)
			_, err = w.ExpireUploads(w.Context())
			w.ok(err)
			objects := 0
			w.ok(archive.Walk(w.Context(), func(blob.Key, int64, time.Time) error {
				objects++
				return nil
			}))
			if objects != images {
				t.Errorf("%d objects are in the archive's store, not %d", objects, images)
			}
			if n, err := archive.Sweep(w.Context(), time.Now().Add(48*time.Hour), func(string) (bool, error) { return false, nil }); n != 0 || err != nil {
				t.Errorf("%d copies were left in the archive's store, %v", n, err)
			}
		})
	}
}

// A sweep leaves alone what is being copied, however long that takes, in both stores.
func TestSweepWhileMoving(t *testing.T) {
	cold, hot := t.TempDir(), t.TempDir()
	archive, err := blob.OpenFiles(cold)
	if err != nil {
		t.Fatal(err)
	}
	var w *world
	swept := 0
	w = newWorld(t, sqltest.SQLite(t), hot, registry.Options{Archive: &at{archive, func(step string) error {
		if step == "all" { // what was written is not held in memory any more, as on another node
			w.clock.advance(25 * time.Hour)
			swept++
			_, err := w.ExpireUploads(w.Context())
			return err
		}
		return nil
	}}})
	r, layer := w.repo("long"), random(200<<10)
	image := w.archived(r, "v1", layer)
	if moved, err := w.MoveLayers(w.Context(), nil); err != nil || moved != 1 || swept != 1 {
		t.Fatal(moved, swept, err)
	}
	w.readsBack(w.node, r, image, layer)
}

// HTTP-20, API-57: a layer that only archived images use cannot be mounted; one that was mounted before can be read wherever it is, and an image that is made of it brings it back.
func TestMountOfArchivedLayers(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		archive, err := blob.OpenFiles(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, dsn, t.TempDir(), registry.Options{Archive: archive})
		w.ok(w.PutAccountSetting(w.root(vendor), vendor, region, registry.BlobMounting, "ENABLED"))
		source, layer := w.repo("source"), random(100<<10)
		d := oci.FromBytes(layer)
		image := w.archived(source, "v1", layer)
		mount := func(name string) bool {
			t.Helper()
			ctx := w.root(vendor)
			r, err := w.Open(ctx, ref(name), "ecr:InitiateLayerUpload")
			w.ok(err)
			done, err := r.MountLayer(ctx, d, "source")
			w.ok(err)
			return done
		}
		move := func(want int) {
			t.Helper()
			if moved, err := w.MoveLayers(w.Context(), nil); err != nil || moved != want {
				t.Fatal(moved, err)
			}
		}
		late := w.repo("late")
		if mount("late") {
			t.Fatal("mounted a layer that cannot be read")
		}
		move(1)
		if mount("late") {
			t.Fatal("mounted a layer from the archive's store")
		}
		_, err = late.Layer(w.Context(), d)
		w.refused(err, fault.LayerNotFound, "")

		// Mounted while it could be, and archived at its source afterwards, before any image uses it here.
		_, err = source.Activate(w.Context(), registry.Reference{Digest: image})
		w.ok(err)
		move(1)
		early := w.repo("early")
		if !mount("early") {
			t.Fatal("not mounted")
		}
		w.archive(source, registry.Reference{Digest: image})
		move(1)
		if l, err := early.Layer(w.Context(), d); err != nil || l.Archived {
			t.Fatalf("%+v, %v", l, err)
		}
		for _, r := range []*registry.Repo{early, w.again("early")} {
			if !bytes.Equal(w.read(r, d), layer) {
				t.Error("other bytes")
			}
		}
		w.image(early, "v1", w.manifest(early, func(m map[string]any) { m["layers"] = []any{describe("x/y", layer)} }))
		move(1) // back, where others need it
		w.clock.advance(3 * time.Hour)
		move(0)
		if !bytes.Equal(w.read(early, d), layer) {
			t.Error("other bytes")
		}
		_, err = source.OpenLayer(w.Context(), d)
		w.refused(err, fault.LayerInaccessible, "archived images only")
	})
}

// LC-37: an image that somebody activates comes back before what was archived earlier goes, and can be pulled as soon as its own layers are there.
func TestActivationComesFirst(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		archive, err := blob.OpenFiles(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		during := func(string) error { return nil }
		w := newWorld(t, dsn, t.TempDir(), registry.Options{Archive: &at{archive, func(step string) error { return during(step) }}})
		r := w.repo("queue")
		wanted := w.archived(r, "wanted", random(130<<10))
		if moved, err := w.MoveLayers(w.Context(), nil); err != nil || moved != 1 {
			t.Fatal(moved, err)
		}
		for _, tag := range []string{"a", "b"} {
			w.archived(r, tag, random(130<<10))
		}
		_, err = r.Activate(w.Context(), registry.Reference{Digest: wanted})
		w.ok(err)
		w.archived(r, "c", random(130<<10))
		away := 0
		during = func(step string) error {
			if step == "begin" {
				away++
				w.there(r, wanted)
			}
			return nil
		}
		if moved, err := w.MoveLayers(w.Context(), nil); err != nil || moved != 4 || away != 3 {
			t.Fatal(moved, away, err)
		}
	})
}
