package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// H24: fifty clients push the same layer into two repositories at once. All succeed, and there is one object; H32, API-63: the cell having it is no reason
// for a repository to show it.
func TestSameLayerAtOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		folder := t.TempDir()
		w := newWorld(t, dsn, folder, registry.Options{})
		a, b, c := w.repo("aa"), w.repo("bb"), w.repo("cc")
		content := random(large)
		d := oci.FromBytes(content)
		var all sync.WaitGroup
		for i := range 50 {
			name := a.Name
			if i%2 == 1 {
				name = b.Name
			}
			handle := w.again(name)
			id := w.start(handle)
			_, err := handle.Append(w.Context(), id, 0, bytes.NewReader(content))
			w.ok(err)
			all.Go(func() {
				if _, _, err := handle.Complete(w.Context(), id, d, nil); err != nil {
					w.Error(err)
				}
			})
		}
		all.Wait()
		// Those that were made at the same moment are dead objects, deleted when those are.
		w.clock.advance(3 * time.Hour)
		w.collect(w)
		if stored, left := objects(t, folder); stored != 1 || left != 0 {
			t.Errorf("%d objects and %d files of uploads, want one object", stored, left)
		}
		w.read(a, d)
		w.read(b, d)
		_, err := c.Layer(w.Context(), d)
		w.refused(err, fault.LayerNotFound, "does not exist in the repository with name 'cc'")
		_, err = c.OpenLayer(w.Context(), d)
		w.refused(err, fault.LayerNotFound, "")
		if used, err := c.LayerReferenced(w.Context(), d); err != nil || used {
			t.Error(used, err)
		}
		// Whoever wants it in c has to bring it, whole and right.
		_, err = c.PutLayer(w.Context(), d, bytes.NewReader(content[:large-1]))
		w.refused(err, fault.InvalidLayer, "")
		w.push(c, content)
		w.read(c, d)
	})
}

// HTTP-20, H30, H31: when a layer can be mounted, and that every other case looks the same.
func TestMount(t *testing.T) {
	each(t, func(w *world) {
		source, target := w.repo("source"), w.repo("target")
		unused := w.push(source, random(large))
		body := w.manifest(source, func(m map[string]any) {
			layer := random(large)
			w.push(source, layer)
			m["layers"] = []any{describe("x/y", layer)}
		})
		w.image(source, "v1", body)
		m, err := oci.ParseManifest(body, "")
		w.ok(err)
		layer := m.Layers[0].Digest
		mount := func(key *iam.AccessKey, d oci.Digest, from string) bool {
			w.Helper()
			ctx := w.call(key)
			r, err := w.Open(ctx, ref("target"), "ecr:InitiateLayerUpload")
			w.ok(err)
			done, err := r.MountLayer(ctx, d, from)
			w.ok(err)
			if action := iam.From(ctx).Audit.Action; action != "ecr:InitiateLayerUpload" {
				w.Errorf("the audit says %s", action)
			}
			return done
		}
		root := w.keys[vendor]
		if mount(root, layer, "source") {
			w.Fatal("mounted while the setting is off")
		}
		w.ok(w.PutAccountSetting(w.root(vendor), vendor, region, registry.BlobMounting, "ENABLED"))
		pusher := w.user(vendor, "pusher", "ecr:InitiateLayerUpload")
		for from, d := range map[string]oci.Digest{"none": layer, "source": unused, "../source": layer, "target": layer, "": layer} {
			if mount(root, d, from) {
				w.Errorf("mounted %s from %q", d, from)
			}
		}
		if mount(pusher, layer, "source") {
			w.Error("mounted from where the caller may not read")
		}
		_, err = target.Layer(w.Context(), layer)
		w.refused(err, fault.LayerNotFound, "")
		for range 2 { // the second time it is there already
			if !mount(root, layer, "source") {
				w.Fatal("not mounted")
			}
		}
		w.read(target, layer)
		// The source made again under its name has nothing to give (H30, H102); what was mounted stays.
		w.ok(source.Delete(w.Context(), true))
		w.repo("source")
		w.ok(w.again("target").Delete(w.Context(), true))
		w.repo("target")
		if mount(root, layer, "source") {
			w.Error("mounted from a repository that was deleted")
		}
	})
}

// H102: a repository made again under the same name has nothing of the one before: no image, layer, upload, policy or setting, and old handles are of no use.
func TestMadeAgain(t *testing.T) {
	each(t, func(w *world) {
		old := w.repo("again", immutable("IMMUTABLE"))
		d := w.pushed(old, "v1")
		layer := w.push(old, random(large))
		upload := w.start(old)
		dev := w.user(customer, "dev", "ecr:*")
		w.setPolicy("again", allowCustomer)
		_, err := w.Open(w.call(dev), ref("again"), "ecr:BatchGetImage")
		w.ok(err)
		w.ok(old.Delete(w.Context(), true))
		now := w.repo("again")
		if now.ID == old.ID || now.Mutability.Mode != "MUTABLE" {
			w.Fatalf("%+v", now.Repository)
		}
		_, err = w.Open(w.call(dev), ref("again"), "ecr:BatchGetImage")
		w.refused(err, fault.AccessDenied, "")
		_, err = now.Policy(w.Context())
		w.refused(err, fault.RepositoryPolicyNotFound, "")
		w.gone(now, d)
		_, err = now.Manifest(w.Context(), registry.Reference{Tag: "v1"})
		w.refused(err, fault.ImageNotFound, "")
		_, err = now.Layer(w.Context(), layer)
		w.refused(err, fault.LayerNotFound, "")
		_, err = now.Upload(w.Context(), upload)
		w.refused(err, fault.UploadNotFound, "")
		for _, err := range []error{
			func() error { _, err := old.StartUpload(w.Context()); return err }(),
			func() error {
				_, err := old.PutLayer(w.Context(), oci.FromBytes(nil), bytes.NewReader(nil))
				return err
			}(),
			func() error { _, err := old.SetPolicy(w.root(vendor), allowCustomer, true); return err }(),
			old.SetMutability(w.Context(), registry.TagMutability{Mode: "MUTABLE"}),
		} {
			w.refused(err, fault.RepositoryNotFound, "")
		}
	})
}

// HTTP-14, API-54: a pull is recorded within about a second, and only what was pulled; a failing node loses no more than that.
func TestPullTimes(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("pulls")
		a, b := w.pushed(r, "a"), w.pushed(r, "b")
		at := w.again("pulls")
		m, err := at.Manifest(w.Context(), registry.Reference{Digest: a})
		w.ok(err)
		_, err = at.Manifest(w.Context(), registry.Reference{Digest: b}) // looked at, not pulled
		w.ok(err)
		for range 3 {
			at.Pulled(m)
		}
		last := func(d oci.Digest) time.Time {
			list, err := r.ImagesByID(w.Context(), []registry.Reference{{Digest: d}})
			w.ok(err)
			return list[0].LastPull
		}
		eventually(w, func() bool { return !last(a).IsZero() })
		if !last(b).IsZero() {
			w.Error("an image that nobody pulled has a time")
		}
		first := last(a)
		w.clock.advance(time.Hour)
		w.again("pulls").Pulled(m)
		eventually(w, func() bool { return last(a).After(first.Add(59 * time.Minute)) })
	})
}

// What is kept in memory never outlives a change: the very next request sees it.
func TestNothingStale(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("fresh")
		for i := range 20 {
			first, second := w.pushed(r, "tag"), w.manifest(r)
			for range 2 { // the second time from memory
				if m, err := w.again("fresh").Manifest(w.Context(), registry.Reference{Tag: "tag"}); err != nil || m.Digest != first {
					w.Fatal(i, m, err)
				}
			}
			moved := w.image(r, "tag", second)
			if m, err := w.again("fresh").Manifest(w.Context(), registry.Reference{Tag: "tag"}); err != nil || m.Digest != moved {
				w.Fatal(i, m, err)
			}
			w.there(r, first)
			w.remove(r, registry.Reference{Digest: first}, registry.Reference{Tag: "tag"})
			w.gone(r, first)
			w.gone(r, moved)
			_, err := r.Manifest(w.Context(), registry.Reference{Tag: "tag"})
			w.refused(err, fault.ImageNotFound, "")
		}
		key := w.user(vendor, "reader")
		for range 5 {
			_, err := w.Open(w.call(key), ref("fresh"), "ecr:BatchGetImage")
			w.refused(err, fault.AccessDenied, "")
			w.setPolicy("fresh", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111222333444:user/reader"},"Action":"ecr:BatchGetImage"}]}`)
			_, err = w.Open(w.call(key), ref("fresh"), "ecr:BatchGetImage")
			w.ok(err)
			_, err = w.again("fresh").DeletePolicy(w.Context())
			w.ok(err)
		}
	})
}

// Two nodes on one PostgreSQL: what one does to images and tags the other sees at once, what it does to policies within a second, and an upload begun on
// one goes on at the other.
func TestTwoNodes(t *testing.T) {
	stores := map[string]func(t *testing.T) string{
		"files": func(t *testing.T) string { return t.TempDir() },
		"s3":    func(t *testing.T) string { return s3test.Start(t).URL("blobs") },
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			blobs := store(t)
			w := newWorld(t, sqltest.Postgres(t), blobs, registry.Options{})
			there := w.open(blobs, registry.Options{})
			ctx := w.Context()
			here := w.repo("nodes")
			onOther := func(key *iam.AccessKey, actions ...string) (*registry.Repo, error) {
				return there.Open(w.callOn(there, key), ref("nodes"), actions...)
			}
			other, err := onOther(w.keys[vendor], "ecr:BatchGetImage")
			w.ok(err)
			for range 10 {
				d := w.pushed(here, "tag")
				for _, reference := range []registry.Reference{{Tag: "tag"}, {Digest: d}} {
					if m, err := other.Manifest(ctx, reference); err != nil || m.Digest != d {
						t.Fatal(m, err)
					}
				}
			}
			w.remove(here, registry.Reference{Tag: "tag"})
			_, err = other.Manifest(ctx, registry.Reference{Tag: "tag"})
			w.refused(err, fault.ImageNotFound, "")

			// A policy.
			dev := w.user(customer, "dev", "ecr:*")
			within := func(want bool) {
				t.Helper()
				begin := time.Now()
				eventually(t, func() bool {
					_, err := onOther(dev, "ecr:BatchGetImage")
					return (err == nil) == want
				})
				if took := time.Since(begin); took > 5*time.Second { // a second, and four for a machine that has much to do
					t.Errorf("it took %s", took)
				}
			}
			w.setPolicy("nodes", allowCustomer)
			within(true)
			_, err = w.again("nodes").DeletePolicy(ctx)
			w.ok(err)
			within(false)

			// An upload.
			content := random(12 << 20)
			id := w.start(here)
			at := 0
			for i, to := range []int{100, 6 << 20, 6<<20 + 5, 11 << 20} {
				node := []*registry.Repo{here, other}[i%2]
				u, err := node.Append(ctx, id, int64(at), bytes.NewReader(content[at:to]))
				if err != nil || u.Size != int64(to) {
					t.Fatal(u, err)
				}
				at = to
			}
			_, _, err = here.Complete(ctx, id, oci.FromBytes(content), bytes.NewReader(content[at:]))
			w.ok(err)
			w.read(other, oci.FromBytes(content))

			// The same layer on both at once is one, and both have succeeded.
			for range 5 {
				content := random(large)
				var all sync.WaitGroup
				for i := range 4 {
					handle := w.again("nodes")
					if i%2 == 0 {
						handle, err = onOther(w.keys[vendor], "ecr:CompleteLayerUpload")
						w.ok(err)
					}
					all.Go(func() {
						if _, err := handle.PutLayer(ctx, oci.FromBytes(content), bytes.NewReader(content)); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				w.read(here, oci.FromBytes(content))
			}
			// The end of the repository.
			w.ok(here.Delete(ctx, true))
			_, err = other.StartUpload(ctx)
			w.refused(err, fault.RepositoryNotFound, "")
			eventually(t, func() bool {
				_, err := onOther(w.keys[vendor], "ecr:BatchGetImage")
				return fault.Is(err, fault.RepositoryNotFound)
			})
		})
	}
}

// H23 over two nodes: whoever wins, what is stored has the digest that it is stored under.
func TestWritersRaceOverNodes(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, sqltest.Postgres(t), folder, registry.Options{})
	there := w.open(folder, registry.Options{})
	r := w.repo("race")
	before := make([]byte, 70_000) // past what stays in the row
	for n := range 20 {
		id := w.start(r)
		_, err := r.Append(w.Context(), id, 0, bytes.NewReader(before))
		w.ok(err)
		var all sync.WaitGroup
		var mu sync.Mutex
		won := map[byte]bool{}
		for b := byte(1); b <= 4; b++ {
			node := w.node
			if b%2 == 0 {
				node = there
			}
			handle, err := node.Open(w.callOn(node, w.keys[vendor]), ref("race"), "ecr:UploadLayerPart")
			w.ok(err)
			all.Go(func() {
				time.Sleep(time.Duration(b) * time.Duration(n) * 200 * time.Microsecond)
				_, err := handle.Append(w.Context(), id, 70_000, bytes.NewReader(bytes.Repeat([]byte{b}, 70_000)))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won[b] = true
				} else if !fault.Is(err, fault.UploadBusy) && !fault.Is(err, fault.RangeInvalid) {
					w.Error(err)
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			w.Fatalf("%d writers won", len(won))
		}
		for b := range won {
			d := oci.FromBytes(append(bytes.Clone(before), bytes.Repeat([]byte{b}, 70_000)...))
			_, _, err := r.Complete(w.Context(), id, d, nil)
			w.ok(err)
			w.read(r, d)
		}
	}
	if _, left := objects(t, folder); left != 0 {
		t.Errorf("%d files are left among the uploads", left)
	}
}

// F02: the process may end between the moment when a layer's bytes are in place and the moment when the rows say so: completing again succeeds.
func TestCrashBeforeRows(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("crash")
		content := random(large)
		id := w.start(r)
		_, err := r.Append(w.Context(), id, 0, bytes.NewReader(content))
		w.ok(err)
		// What a crash leaves: the store has committed what the row still calls an upload.
		u := blob.Upload{ID: id}
		w.ok(w.db.Row(w.Context(), `SELECT size, sum, tail, state FROM upload WHERE id = $1`, []any{id}, &u.Size, &u.Sum, &u.Tail, &u.State))
		w.ok(w.blobs.Commit(w.Context(), &u))
		_, _, err = w.again("crash").Complete(w.Context(), id, oci.FromBytes(content), nil)
		w.ok(err)
		w.read(r, oci.FromBytes(content))
	})
}

// The same with a database that goes away meanwhile: nothing of the failed attempt is visible, and the client's second one succeeds.
func TestFailureBeforeRows(t *testing.T) {
	for _, rest := range []bool{false, true} {
		t.Run(fmt.Sprintf("rest=%v", rest), func(t *testing.T) {
			w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
			r := w.repo("away")
			content := random(large)
			id := w.start(r)
			first := len(content)
			if rest {
				first = 200_000
			}
			_, err := r.Append(w.Context(), id, 0, bytes.NewReader(content[:first]))
			w.ok(err)
			// The write of the rows fails because the caller has gone by then; the bytes are in place.
			gone, cancel := context.WithCancel(w.Context())
			handle := w.again("away")
			var in io.Reader
			if rest {
				in = &last{bytes.NewReader(content[first:]), cancel}
			} else {
				cancel()
			}
			if _, _, err = handle.Complete(gone, id, oci.FromBytes(content), in); err == nil {
				t.Fatal("it succeeded")
			}
			_, err = r.Layer(w.Context(), oci.FromBytes(content))
			w.refused(err, fault.LayerNotFound, "")
			u, err := r.Upload(w.Context(), id)
			w.ok(err)
			_, _, err = r.CompleteAt(w.Context(), id, oci.FromBytes(content), u.Size, bytes.NewReader(content[u.Size:]))
			w.ok(err)
			w.read(r, oci.FromBytes(content))
		})
	}
}

// last calls done when its last byte was read.
type last struct {
	*bytes.Reader
	done func()
}

func (l *last) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.Len() == 0 {
		l.done()
	}
	return n, err
}

// Bytes that are not as the row says are never served (I4, F07): the error has no code, so that a client reads nothing but an internal error. What is damaged is
// quarantined at once; what is missing is not, since it may be there again when its folder is mounted.
func TestDamagedBytes(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
	r := w.repo("damaged")
	stored := func() (oci.Digest, string) {
		d := w.push(r, random(large))
		var key string
		w.ok(w.db.Row(w.Context(), `SELECT key FROM blob WHERE digest = $1`, []any{d}, &key))
		return d, folder + "/blob/" + key[len(key)-2:] + "/" + key
	}
	short, path := stored()
	w.ok(os.Truncate(path, large-1))
	if _, err := r.OpenLayer(w.Context(), short); !errors.Is(err, blob.ErrSize) || fault.As(err) != nil {
		t.Error(err)
	}
	if _, err := r.OpenLayer(w.Context(), short); err == nil || !strings.Contains(err.Error(), "they are replaced when it is pushed again") || fault.As(err) != nil {
		t.Error(err)
	}
	missing, path := stored()
	w.ok(os.Rename(path, path+".away"))
	for range 2 {
		if _, err := r.OpenLayer(w.Context(), missing); !errors.Is(err, blob.ErrMissing) || fault.As(err) != nil {
			t.Error(err)
		}
	}
	w.ok(os.Rename(path+".away", path))
	content, err := r.OpenLayer(w.Context(), missing)
	w.ok(err)
	w.ok(content.Close())
}
