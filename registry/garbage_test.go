package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// collect does all that is due, and answers what that was.
func (n node) collect(w *world) (all registry.Collected) {
	w.Helper()
	for {
		c, err := n.Collect(w.Context())
		w.ok(err)
		all.Layers, all.Objects, all.Bytes = all.Layers+c.Layers, all.Objects+c.Objects, all.Bytes+c.Bytes
		if !c.More {
			return all
		}
	}
}

// collected lets so much time pass that everything goes that can, and answers what went.
func (w *world) collected() (all registry.Collected) {
	w.Helper()
	for _, d := range []time.Duration{25 * time.Hour, 2 * time.Hour, 2 * time.Hour, 2 * time.Hour, 3 * time.Hour} {
		w.clock.advance(d)
		c := w.collect(w)
		all.Layers, all.Objects, all.Bytes = all.Layers+c.Layers, all.Objects+c.Objects, all.Bytes+c.Bytes
	}
	return all
}

// of is an image of these layers, which are pushed with it.
func (w *world) of(r *registry.Repo, tag string, layers ...[]byte) oci.Digest {
	w.Helper()
	list := []any{}
	for _, content := range layers {
		w.push(r, content)
		list = append(list, describe("application/vnd.oci.image.layer.v1.tar", content))
	}
	return w.image(r, tag, w.manifest(r, func(m map[string]any) { m["layers"] = list }))
}

// The collection takes few of those that were condemned, and reads no others, however many there are: they were all sorted for each few, so that it became slower with what there
// was, and held up pushes.
func TestCondemnedAreNotSorted(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
	w.ok(w.db.View(t.Context(), func(tx *sql.Tx) error {
		return tx.Rows(`EXPLAIN QUERY PLAN `+registry.CondemnedFirst, sql.Args(1), func(row sql.Scanner) error {
			var id, parent, unused int
			var step string
			err := row.Scan(&id, &parent, &unused, &step)
			if strings.Contains(step, "TEMP B-TREE") {
				t.Error(step)
			}
			return err
		})
	}))
}

// What no image uses any more goes, from every repository for itself, and the bytes go when no repository holds them; what an image uses stays, whatever it shares with
// what went (durability.md, section 3; F21).
func TestWhatNoImageUsesIsCollected(t *testing.T) {
	each(t, func(w *world) {
		one, two := w.repo("one"), w.repo("two")
		shared, own, small := random(large), random(large+1), random(20)
		a := w.of(one, "a", shared, own, small)
		w.of(one, "b", shared)
		w.of(two, "a", own)
		w.collected()
		if c := w.collected(); c != (registry.Collected{Layers: c.Layers}) || c.Layers > 2*3 { // the layers of which the images' manifests were made without being in them
			t.Errorf("collected %+v of what images use", c)
		}

		w.delete(one, a)
		w.clock.advance(23 * time.Hour)
		if c := w.collect(w); c.Layers != 0 {
			t.Errorf("collected %+v within the lease", c)
		}
		w.collected()
		for _, gone := range [][]byte{own, small} {
			_, err := w.again("one").Layer(w.Context(), oci.FromBytes(gone))
			w.refused(err, fault.LayerNotFound, "does not exist")
		}
		for name, content := range map[string][]byte{"one": shared, "two": own} {
			if !bytes.Equal(w.read(w.again(name), oci.FromBytes(content)), content) {
				t.Errorf("%s reads other bytes", name)
			}
		}
		images, err := w.Open(w.root(vendor), ref("two"), "ecr:DeleteRepository")
		w.ok(err)
		w.ok(images.Delete(w.Context(), true))
		if c := w.collected(); c.Bytes < int64(len(own)) {
			t.Errorf("collected %+v when the last repository went that held the layer", c)
		}
		status, err := w.Garbage(w.Context())
		if err != nil || status.Waiting+status.Condemned+status.Dead+status.Reclaimable != 0 || status.Bytes < int64(len(own)) || status.Objects == 0 || status.Layers == 0 {
			t.Errorf("%+v %v", status, err)
		}
	})
}

func (w *world) delete(r *registry.Repo, d oci.Digest) {
	w.Helper()
	_, failures, err := w.again(r.Name).DeleteImages(w.Context(), []registry.Reference{{Digest: d}})
	w.ok(err)
	if len(failures) > 0 {
		w.Fatal(failures)
	}
}

// Whoever is told that a layer is there can push the image that needs it, however long ago the layer was pushed: by HEAD, by pushing it again, by completing its upload
// again, and by mounting it (F19).
func TestLayersStayForThoseWhoWereTold(t *testing.T) {
	each(t, func(w *world) {
		w.ok(w.PutAccountSetting(w.root(vendor), vendor, region, registry.BlobMounting, "ENABLED"))
		source := w.repo("source")
		content := random(large)
		d := oci.FromBytes(content)
		w.of(source, "1", content)
		var upload string
		for name, tell := range map[string]func(r *registry.Repo) error{
			"asked": func(r *registry.Repo) error {
				_, err := r.Layer(w.Context(), d)
				return err
			},
			"pushed again": func(r *registry.Repo) error {
				_, err := r.PutLayer(w.Context(), d, bytes.NewReader(content))
				return err
			},
			"completed again": func(r *registry.Repo) error {
				_, existed, err := r.Complete(w.Context(), upload, d, nil)
				if err == nil && !existed {
					err = errors.New("it was new")
				}
				return err
			},
			"mounted": func(r *registry.Repo) error {
				mounted, err := r.MountLayer(w.root(vendor), d, "source")
				if err == nil && !mounted {
					err = errors.New("not mounted")
				}
				return err
			},
		} {
			r := w.repo("told/" + name[:5])
			u, err := r.StartUpload(w.Context())
			w.ok(err)
			upload = u.ID
			_, _, err = r.Complete(w.Context(), u.ID, d, bytes.NewReader(content))
			w.ok(err)
			w.clock.advance(23 * time.Hour)
			w.ok(tell(w.again(r.Name)))
			for range 2 { // half a lease on
				w.clock.advance(5 * time.Hour)
				w.collect(w)
			}
			r = w.again(r.Name)
			if _, err := r.Layer(w.Context(), d); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			w.image(r, "1", w.manifest(r, func(m map[string]any) {
				m["layers"] = []any{describe("application/vnd.oci.image.layer.v1.tar", content)}
			}))
		}
	})
}

// A layer whose lease ends goes, and a client that was told of it long before learns so when it asks again, not from the manifest that it pushes.
func TestLeaseEnds(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		d := w.push(r, random(large))
		_, err := r.Layer(w.Context(), d)
		w.ok(err)
		w.clock.advance(25 * time.Hour)
		if c := w.collect(w); c.Layers != 1 {
			t.Errorf("collected %+v", c)
		}
		_, err = w.again("app").Layer(w.Context(), d)
		w.refused(err, fault.LayerNotFound, "does not exist")
	})
}

// An image that was removed keeps its layers as long as it can be brought back.
func TestRemovedImagesKeepTheirLayers(t *testing.T) {
	eachWith(t, registry.Options{KeepRemoved: 7 * day}, func(w *world) {
		r := w.repo("app")
		content := random(large)
		d := w.of(r, "1", content)
		w.delete(r, d)
		for range 4 {
			w.collected()
		}
		_, err := w.again("app").Restore(w.Context(), registry.Reference{Tag: "1"})
		w.ok(err)
		if !bytes.Equal(w.read(w.again("app"), oci.FromBytes(content)), content) {
			t.Error("it reads other bytes")
		}
		w.delete(r, d)
		w.clock.advance(8 * day)
		_, err = w.ForgetRemoved(w.Context())
		w.ok(err)
		if c := w.collected(); c.Bytes < large {
			t.Errorf("collected %+v after the time to bring it back", c)
		}
	})
}

// Content that is pushed again while its bytes are on their way out is there: whether its blob is condemned, or its object dead (F20).
func TestPushOfWhatIsBeingCollected(t *testing.T) {
	each(t, func(w *world) {
		for n, wait := range []time.Duration{0, time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 5 * time.Hour, 6 * time.Hour} {
			content := random(large)
			w.push(w.repo(fmt.Sprintf("first-%d", n)), content)
			w.clock.advance(25 * time.Hour)
			w.collect(w)
			for range wait / time.Hour {
				w.clock.advance(time.Hour)
				w.collect(w)
			}
			r := w.repo(fmt.Sprintf("second-%d", n))
			w.of(r, "1", content)
			w.collected()
			if !bytes.Equal(w.read(w.again(r.Name), oci.FromBytes(content)), content) {
				t.Errorf("pushed again after %v, it reads other bytes", wait)
			}
		}
	})
}

// meanwhile is a store in which something happens whenever an object is opened.
type meanwhile struct {
	blob.Store
	happens func()
}

func (m *meanwhile) Open(ctx context.Context, key blob.Key, size int64) (blob.Content, error) {
	c, err := m.Store.Open(ctx, key, size)
	if f := m.happens; f != nil {
		m.happens = nil
		f()
	}
	return c, err
}

// A push that finds its content stored, and loses it to the collection before it can use it, stores its own bytes (F20).
func TestContentIsCollectedDuringItsPush(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, t.TempDir(), registry.Options{})
		store := &meanwhile{Store: w.blobs}
		n := node{db: w.db, dir: w.dir, log: w.log}
		var err error
		n.Registry, err = registry.Open(w.Context(), w.db, store, w.dir, w.log, registry.Options{Now: w.clock.Now})
		w.ok(err)
		defer n.Close()
		content := random(large)
		w.push(w.repo("first"), content)
		w.repo("second")
		store.happens = func() { w.collected() }
		r, err := n.Open(w.root(vendor), ref("second"), "ecr:PutImage")
		w.ok(err)
		w.push(r, content)
		if store.happens != nil {
			t.Fatal("nothing happened")
		}
		if !bytes.Equal(w.read(r, oci.FromBytes(content)), content) {
			t.Error("it reads other bytes")
		}
	})
}

// stubborn is a store that deletes nothing.
type stubborn struct{ blob.Store }

func (s stubborn) Delete(context.Context, blob.Key) error { return errors.New("no") }

// Objects that could not be deleted are told, and deleted later (F18).
func TestObjectsAreDeletedLater(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
	good := w.blobs
	n := w.node
	var err error
	n.Registry, err = registry.Open(w.Context(), w.db, stubborn{good}, w.dir, w.log, registry.Options{Now: w.clock.Now})
	w.ok(err)
	defer n.Close()
	w.push(w.repo("app"), random(large))
	failed := false
	for range 40 {
		w.clock.advance(time.Hour)
		if _, err := n.Collect(w.Context()); err != nil {
			failed = true
		}
	}
	if stored, _ := objects(t, folder); stored != 1 || !failed {
		t.Fatalf("%d objects; failed: %v", stored, failed)
	}
	if c := w.collected(); c.Objects != 1 || c.Bytes != large {
		t.Errorf("collected %+v", c)
	}
	if stored, _ := objects(t, folder); stored != 0 {
		t.Errorf("%d objects are left", stored)
	}
}

// picky deletes all but some objects.
type picky struct {
	blob.Store
	mu   sync.Mutex
	kept map[blob.Key]bool
	keep int
}

func (s *picky) Delete(ctx context.Context, key blob.Key) error {
	s.mu.Lock()
	keep := s.kept[key] || len(s.kept) < s.keep
	if keep {
		s.kept[key] = true
	}
	s.mu.Unlock()
	if keep {
		return errors.New("no")
	}
	return s.Store.Delete(ctx, key)
}

// Objects that cannot be deleted keep no others from it, however many they are and though they are the oldest, and it is told for how long they have been there (F18).
func TestObjectsThatStayKeepNoOthers(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
	n := w.node
	var err error
	store := &picky{Store: w.blobs, kept: map[blob.Key]bool{}, keep: 30} // more than are tried at once
	n.Registry, err = registry.Open(w.Context(), w.db, store, w.dir, w.log, registry.Options{Now: w.clock.Now})
	w.ok(err)
	defer n.Close()
	r := w.repo("app")
	for range 33 {
		w.push(r, random(large))
	}
	for range 40 {
		w.clock.advance(time.Hour)
		n.Collect(w.Context()) //nolint:errcheck // what it could not delete is looked at below
	}
	if stored, _ := objects(t, folder); stored != 30 {
		t.Errorf("%d objects are left, of which 30 cannot be deleted", stored)
	}
	if s, err := n.Garbage(w.Context()); err != nil || s.Undeleted < time.Hour {
		t.Errorf("the first is said to have been waiting for %s, %v", s.Undeleted, err)
	}
	if c := w.collected(); c.Objects != 30 {
		t.Errorf("collected %+v", c)
	}
	if s, err := n.Garbage(w.Context()); err != nil || s.Undeleted != 0 {
		t.Errorf("nothing is left, and the first waits for %s, %v", s.Undeleted, err)
	}
}

// The clocks of nodes may be wrong by days: what is kept for how long goes by the clock of the database, which they share. So nothing goes early, neither layers, nor uploads, nor
// images that somebody may bring back (F23).
func TestCollectionGoesByTheSharedClock(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, t.TempDir(), registry.Options{KeepRemoved: time.Hour})
		w.repo("app")
		for _, off := range []time.Duration{-2 * day, 2 * day} {
			n := w.node
			var err error
			n.dir, err = iam.Open(w.Context(), w.db, w.log, iam.Options{Now: func() time.Time { return time.Now().Add(off) }})
			w.ok(err)
			n.Registry, err = registry.Open(w.Context(), w.db, w.blobs, n.dir, w.log, registry.Options{KeepRemoved: time.Hour})
			w.ok(err)
			ctx := w.root(vendor)
			iam.From(ctx).Time = time.Now().Add(off)
			r, err := n.Open(ctx, ref("app"), "ecr:PutImage")
			w.ok(err)
			d := w.push(r, random(large))
			u, err := r.StartUpload(ctx)
			w.ok(err)
			at := w.image(r, "v1", w.manifest(r, func(map[string]any) {}))
			_, _, err = r.DeleteImages(ctx, []registry.Reference{{Digest: at}})
			w.ok(err)
			if c := n.collect(w); c.Layers != 0 {
				t.Errorf("collected %+v with a clock that is off by %v", c, off)
			}
			if gone, err := n.ExpireUploads(w.Context()); gone != 0 || err != nil {
				t.Errorf("%d uploads were removed, %v, with a clock that is off by %v", gone, err, off)
			}
			if gone, err := n.ForgetRemoved(w.Context()); gone != 0 || err != nil {
				t.Errorf("%d removed images were forgotten, %v, with a clock that is off by %v", gone, err, off)
			}
			_, err = r.Layer(w.Context(), d)
			w.ok(err)
			_, err = r.Upload(ctx, u.ID)
			w.ok(err)
			n.Registry.Close()
			n.dir.Close()
		}
	})
}

// Pushes that share layers, deletions, and a collection that never rests, on two nodes: no push that was told that a layer is there fails for want of it, and every
// image that is there can be read whole (F19, F20, F22).
func TestCollectionAmongPushes(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		const lease = 30 * time.Second // long beside a push, and over at once when the clock is set
		folder := t.TempDir()
		var ahead atomic.Int64
		o := registry.Options{Garbage: registry.GarbageTimes{Lease: lease, Round: time.Nanosecond, Linger: time.Nanosecond}}
		w := newWorld(t, dsn, folder, o)
		o.Now = func() time.Time { return w.clock.Now().Add(time.Duration(ahead.Load())) }
		nodes := []node{{db: w.db, dir: w.dir, log: w.log}}
		if w.db.Shared() {
			nodes = append(nodes, w.open(folder, o))
		}
		var err error
		nodes[0].Registry, err = registry.Open(w.Context(), w.db, w.blobs, w.dir, w.log, o)
		w.ok(err)
		defer nodes[0].Close()
		w.repo("app")
		bases := [][]byte{random(large), random(large), random(30)}
		// The leases of what was left an iteration ago are over; those of the present one are not.
		ctx, stop := context.WithCancel(t.Context())
		var collecting, pushing sync.WaitGroup
		for _, n := range nodes {
			collecting.Go(func() {
				for ctx.Err() == nil {
					if _, err := n.Collect(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 6 {
			for p := range 4 {
				pushing.Go(func() {
					n := nodes[p%len(nodes)]
					r, err := n.Open(w.callOn(n, w.keys[vendor]), ref("app"), "ecr:PutImage", "ecr:BatchDeleteImage")
					if err != nil {
						t.Error(err)
						return
					}
					tag := fmt.Sprint("t", p)
					if err := pushIfMissing(ctx, r, tag, bases); err != nil {
						t.Errorf("push of %s: %v", tag, err)
						return
					}
					if err := readAll(ctx, r, tag); err != nil {
						t.Errorf("what was pushed as %s: %v", tag, err)
					}
					if _, _, err := r.DeleteImages(ctx, []registry.Reference{{Tag: tag}}); err != nil {
						t.Errorf("deleting %s: %v", tag, err)
					}
				})
			}
			pushing.Wait()
			ahead.Add(int64(2 * lease))
		}
		for range 1000 { // all of it goes
			ahead.Add(int64(lease))
			if s, err := w.Garbage(t.Context()); err == nil && s.Waiting+s.Condemned+s.Dead == 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		stop()
		collecting.Wait()
		if stored, _ := objects(t, folder); stored != 0 {
			t.Errorf("%d objects are left", stored)
		}
	})
}

// pushIfMissing pushes an image as docker does: only the layers of which the registry does not say that they are there.
func pushIfMissing(ctx context.Context, r *registry.Repo, tag string, layers [][]byte) error {
	list := []any{}
	config := random(50)
	for _, content := range append([][]byte{config}, layers...) {
		d := oci.FromBytes(content)
		if _, err := r.Layer(ctx, d); fault.Is(err, fault.LayerNotFound) {
			if _, err := r.PutLayer(ctx, d, bytes.NewReader(content)); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		list = append(list, describe("application/vnd.oci.image.layer.v1.tar", content))
	}
	_, err := r.PutImage(ctx, registry.PutImage{Tag: tag, Body: encode(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest,
		"config": describe("application/vnd.oci.image.config.v1+json", config), "layers": list[1:]})})
	return err
}

// readAll pulls an image and compares every byte with its digest.
func readAll(ctx context.Context, r *registry.Repo, tag string) error {
	stored, err := r.Manifest(ctx, registry.Reference{Tag: tag})
	if err != nil {
		return err
	}
	m, err := oci.ParseManifest(stored.Body, stored.MediaType)
	if err != nil {
		return err
	}
	for _, d := range append([]oci.Descriptor{*m.Config}, m.Layers...) {
		c, err := r.OpenLayer(ctx, d.Digest)
		if err != nil {
			return err
		}
		content, err := io.ReadAll(c)
		if err = errors.Join(err, c.Close()); err != nil {
			return err
		}
		if oci.FromBytes(content) != d.Digest {
			return fmt.Errorf("%s has other bytes", d.Digest)
		}
	}
	return nil
}

// F28: while somebody copies what the rows led to, no object is deleted; afterwards it goes.
func TestObjectsAreHeld(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("held")
		content := random(large)
		d := w.of(r, "a", content)
		w.delete(r, d)
		const long = 20_000 * time.Hour
		w.ok(registry.HoldObjects(w.Context(), w.db, long))
		w.ok(registry.HoldObjects(w.Context(), w.db, time.Minute))               // of two the longer one counts
		if c := w.collected(); c.Layers == 0 || c.Bytes >= int64(len(content)) { // what is in rows goes
			t.Errorf("collected %+v while objects are held", c)
		}
		w.clock.advance(long)
		if c := w.collected(); c.Bytes < int64(len(content)) {
			t.Errorf("collected %+v when the hold was over", c)
		}
	})
}

// F23, F28: the hold of a backup is that of another process, which read the clock at another time. Whether the server began with a clock that was ahead or far behind, no
// object is deleted while the hold lasts, and objects go when it is over.
func TestObjectsAreHeldWhateverTheClockWas(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -40 * 365 * day} {
		folder := t.TempDir()
		w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
		var wall clock
		n := w.node
		var err error
		n.Registry, err = registry.Open(w.Context(), w.db, w.blobs, w.dir, w.log, registry.Options{Now: func() time.Time { return w.clock.Now().Add(off) }})
		w.ok(err)
		defer n.Close()
		n.SetWall(wall.Now)
		w.repo("held")
		r, err := n.Open(w.root(vendor), ref("held"), "ecr:PutImage", "ecr:BatchDeleteImage")
		w.ok(err)
		_, _, err = r.DeleteImages(w.Context(), []registry.Reference{{Digest: w.of(r, "a", random(large))}})
		w.ok(err)
		steps := func() {
			for _, d := range []time.Duration{25 * time.Hour, 2 * time.Hour, 2 * time.Hour, 2 * time.Hour, 3 * time.Hour} {
				w.clock.advance(d)
				n.collect(w)
			}
		}
		wall.now = time.Now()
		w.ok(registry.HoldObjects(w.Context(), w.db, 15*time.Minute))
		steps()
		if stored, _ := objects(t, folder); stored != 1 {
			t.Errorf("with a clock that was off by %v, %d objects are left while they are held", off, stored)
		}
		wall.advance(16 * time.Minute)
		steps()
		if stored, _ := objects(t, folder); stored != 0 {
			t.Errorf("with a clock that was off by %v, %d objects are left when the hold is over", off, stored)
		}
	}
}
