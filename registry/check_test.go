package registry_test

import (
	"bytes"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// check looks at everything as `berth fsck` does, and answers what it finds, a line each.
func (w *world) check(change ...func(*check.Run)) []string {
	w.Helper()
	var found []string
	run := &check.Run{Report: func(f check.Finding) { found = append(found, f.String()) }}
	for _, f := range change {
		f(run)
	}
	w.ok(registry.Check(w.Context(), w.db, w.blobs, nil, run))
	w.ok(audit.Check(w.Context(), w.db, run))
	w.ok(iam.Check(w.Context(), w.db, run))
	return found
}

func deep(r *check.Run)       { r.Deep = true }
func quarantine(r *check.Run) { r.Quarantine = true }
func leaks(r *check.Run)      { r.Leaks = true }

// clean asserts that nothing is found.
func (w *world) clean(change ...func(*check.Run)) {
	w.Helper()
	if found := w.check(change...); len(found) > 0 {
		w.Fatalf("found\n%s", strings.Join(found, "\n"))
	}
}

// finds asserts that one thing is found, in words that the pattern describes.
func (w *world) finds(pattern string, change ...func(*check.Run)) {
	w.Helper()
	found := w.check(change...)
	if len(found) != 1 || !regexp.MustCompile("^"+pattern+"$").MatchString(found[0]) {
		w.Fatalf("found\n%s\nwant one line like\n%s", strings.Join(found, "\n"), pattern)
	}
}

// harm changes rows behind everybody's back, without regard for foreign keys.
func (w *world) harm(query string, args ...any) {
	w.Helper()
	driver, dsn := "pgx", w.dsn
	if path, ok := strings.CutPrefix(w.dsn, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := stdsql.Open(driver, dsn)
	w.ok(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	if driver == "pgx" {
		_, err = db.Exec(`SET session_replication_role = replica`)
		w.ok(err)
	}
	result, err := db.Exec(query, args...)
	w.ok(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		w.Fatalf("%s changed %d rows, %v", query, n, err)
	}
}

// Each invariant that is broken by hand is named, and nothing else is (F29). What pushing again mends is mended so.
func TestCheckNamesWhatIsBroken(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		content, small, unused := random(large), random(50), random(large)
		image := w.of(r, "1", content)
		child := w.of(r, "child", small)
		index := w.image(r, "index", w.index(r, child))
		bodies := map[oci.Digest][]byte{}
		for _, d := range []oci.Digest{image, child, index} {
			m, err := r.Manifest(w.Context(), registry.Reference{Digest: d})
			w.ok(err)
			bodies[d] = m.Body
		}
		upload, err := r.StartUpload(w.Context())
		w.ok(err)
		w.ok(r.SetLifecycle(w.root(vendor), `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":9},"action":{"type":"expire"}}]}`))
		big, layer, free := oci.FromBytes(content), oci.FromBytes(small), w.push(r, unused)
		push := func(d oci.Digest) func() {
			return func() { w.image(w.again("app"), "", bodies[d]) }
		}
		undo := func(query string, args ...any) func() {
			return func() { w.harm(query, args...) }
		}
		w.collected()
		w.push(r, unused)
		w.clean(deep)
		const at = `repository ` + vendor + `/` + region + `/app: `
		for _, c := range []struct {
			name    string
			harm    func()
			finding string
			mend    func()
		}{
			{"a tag without an image", undo(`INSERT INTO tag (repository_id, name, digest, updated_at) VALUES ($1, 'lost', 'sha256:00', 1)`, r.ID),
				`I1   ` + at + `tag lost names image sha256:00, which is not there; push the image again, or delete the tag`, undo(`DELETE FROM tag WHERE name = 'lost'`)},
			{"other bytes", undo(`UPDATE manifest SET body = $1 WHERE digest = $2`, []byte("{}"), string(image)),
				`I2   ` + at + `image ` + string(image) + ` has bytes whose digest is sha256:.*; push the image again`, push(image)},
			{"another media type", undo(`UPDATE manifest SET media_type = 'application/vnd.docker.distribution.manifest.v2+json' WHERE digest = $1`, string(image)),
				`I2 .*` + string(image) + ` is stored as .*`, undo(`UPDATE manifest SET media_type = $1 WHERE digest = $2`, oci.MediaTypeImageManifest, string(image))},
			{"a reference too many", undo(`INSERT INTO manifest_ref (repository_id, parent, child, kind, media_type) VALUES ($1, $2, $3, 'layer', '')`, r.ID, string(image), string(layer)),
				`I2 .*` + string(image) + ` has a row that says it refers to layer ` + string(layer) + `, which it does not; .*`, push(image)},
			{"a reference too few", undo(`DELETE FROM manifest_ref WHERE parent = $1`, string(index)),
				`I2 .*` + string(index) + ` refers to manifest ` + string(child) + `, of which no row knows; .*`, push(index)},
			{"no layer", undo(`DELETE FROM layer WHERE digest = $1`, string(layer)),
				`I3   ` + at + `image ` + string(child) + ` needs layer ` + string(layer) + `, which is not there; push the image again\nI5   blob ` + string(layer) + ` is held by no repository.*`, func() { w.push(w.again("app"), small) }},
			{"no child", undo(`DELETE FROM manifest WHERE digest = $1`, string(child)),
				`I1 .*tag child names image ` + string(child) + `.*\nI3 .*image ` + string(index) + ` needs image ` + string(child) + `, which is not there; push the image again`,
				func() { w.image(w.again("app"), "child", bodies[child]) }},
			{"no blob", undo(`DELETE FROM blob WHERE digest = $1`, string(layer)),
				`I4 .*app: layer ` + string(layer) + ` has no blob; push an image that has it again`, func() { w.push(w.again("app"), small) }},
			{"another size", undo(`UPDATE blob SET size = size + 1 WHERE digest = $1`, string(big)),
				`I6 .*app: layer ` + string(big) + ` is listed with 300000 bytes, and its blob with 300001; .*\nI4 .*app: layer ` + string(big) + ` has an object of another size; push an image that has it again`,
				func() { w.push(w.again("app"), content) }},
			{"a layer of nobody", undo(`UPDATE layer SET lease_until = 0 WHERE digest = $1`, string(free)),
				`I5 .*app: layer ` + string(free) + ` is used by no image and has no lease, so that nobody collects its 300000 bytes; berth fsck --repair leaks gives it back`,
				func() { w.check(leaks) }},
			{"a blob of nobody", undo(`DELETE FROM layer WHERE digest = $1`, string(free)),
				`I5   blob ` + string(free) + ` is held by no repository, and nobody collects its 300000 bytes; berth fsck --repair leaks gives it back`, func() { w.check(leaks) }},
			{"a flag", undo(`UPDATE manifest SET tagged = $1 WHERE digest = $2`, false, string(image)), `I6 .*` + string(image) + ` has tags, and is listed as untagged; .*`,
				undo(`UPDATE manifest SET tagged = $1 WHERE digest = $2`, true, string(image))},
			{"a sum", undo(`UPDATE manifest SET image_size = image_size + 1 WHERE digest = $1`, string(image)), `I6 .*` + string(image) + ` is listed with \d+ bytes, and has \d+; .*`,
				undo(`UPDATE manifest SET image_size = image_size - 1 WHERE digest = $1`, string(image))},
			{"an old upload", undo(`UPDATE upload SET touched_at = 1 WHERE id = $1`, upload.ID), `I7 .*app: upload ` + upload.ID + ` was left alone since 1970.*; a running server removes it within the hour`,
				undo(`DELETE FROM upload WHERE id = $1`, upload.ID)},
			{"a lifecycle policy", undo(`UPDATE lifecycle SET text = '{' WHERE repository_id = $1`, r.ID), `I10  ` + at + `lifecycle policy cannot be read: .*; put it again`,
				undo(`DELETE FROM lifecycle WHERE repository_id = $1`, r.ID)},
			{"a policy", undo(`UPDATE repository SET policy = 'x' WHERE id = $1`, r.ID), `I10  ` + at + `policy cannot be read: .*; put it again`,
				undo(`UPDATE repository SET policy = NULL WHERE id = $1`, r.ID)},
			{"a key", undo(`UPDATE iam_access_key SET owner = 'AIDANOBODY' WHERE account = $1`, customer), `I11  account ` + customer + `: access key AKIA\w+ belongs to nobody`,
				undo(`UPDATE iam_access_key SET owner = account WHERE account = $1`, customer)},
			{"an audit record", undo(`UPDATE audit SET record = '{}' WHERE id = (SELECT min(id) FROM audit)`), `I12  .*audit record \d+ of .* says that it is of 0001.*`,
				undo(`DELETE FROM audit WHERE record = '{}'`)},
		} {
			c.harm()
			if found := strings.Join(w.check(), "\n"); !regexp.MustCompile("^" + c.finding + "$").MatchString(found) {
				t.Errorf("%s: found\n%s\nwant\n%s", c.name, found, c.finding)
			}
			c.mend()
			if found := w.check(); len(found) > 0 {
				t.Fatalf("%s, mended: found\n%s", c.name, strings.Join(found, "\n"))
			}
		}
	})
}

// A registry in which much has happened has nothing to be found: pushes, deletions, tags that move, archived images, what was removed and brought back, and collections.
func TestCheckOfABusyRegistryIsClean(t *testing.T) {
	eachWith(t, registry.Options{KeepRemoved: 7 * day}, func(w *world) {
		r := w.repo("app")
		one, two := random(large), random(70)
		a, b := w.of(r, "a", one, two), w.of(r, "b", two)
		w.of(w.repo("other"), "a", one)
		child := w.pushed(r, "")
		w.image(r, "index", w.index(r, child, a))
		w.image(r, "", w.manifest(r, subject(b)))
		w.of(r, "a", random(large))
		_, err := r.StartUpload(w.Context())
		w.ok(err)
		w.clean(deep)
		w.archive(r, registry.Reference{Tag: "b"})
		gone := w.of(r, "gone", random(large))
		w.delete(r, gone)
		back := w.of(r, "back", random(large))
		w.delete(r, back)
		_, err = w.again("app").Restore(w.Context(), registry.Reference{Tag: "back"})
		w.ok(err)
		w.clean(deep)
		w.collected()
		w.clean(deep)
		other, err := w.Open(w.root(vendor), ref("other"), "ecr:DeleteRepository")
		w.ok(err)
		w.ok(other.Delete(w.Context(), true))
		w.clean(deep)
		w.clock.advance(8 * day)
		_, err = w.ForgetRemoved(w.Context())
		w.ok(err)
		w.collected()
		w.clean(deep)
	})
}

// Beside pushes, deletions and the collection of garbage, which never stop while it looks, it finds nothing.
func TestCheckBesidePushes(t *testing.T) {
	each(t, func(w *world) {
		var all sync.WaitGroup
		var push sync.RWMutex // no time passes in the middle of a push: many turns of the other pusher are longer than a lease
		ctx, stop := context.WithCancel(t.Context())
		for n := range 2 {
			r := w.repo(fmt.Sprintf("app-%d", n))
			all.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					push.RLock()
					d := w.of(r, fmt.Sprint("t", i%3), random(large))
					w.image(r, "index", w.index(r, d))
					push.RUnlock()
					if _, _, err := w.again(r.Name).DeleteImages(w.Context(), []registry.Reference{{Tag: fmt.Sprint("t", (i+1)%3)}}); err != nil {
						t.Error(err)
					}
					push.Lock()
					w.clock.advance(5 * time.Hour)
					push.Unlock()
					w.collect(w)
				}
			})
		}
		for range 5 {
			if found := w.check(deep, leaks); len(found) > 0 {
				t.Errorf("found\n%s", strings.Join(found, "\n"))
			}
		}
		stop()
		all.Wait()
		w.clean(deep)
	})
}

// stores runs f with blobs in files beside SQLite, and in S3 beside PostgreSQL. damage changes one byte of the object at a key.
func stores(t *testing.T, f func(w *world, damage func(key string))) {
	flip := func(content []byte) []byte {
		content = bytes.Clone(content)
		content[len(content)/2] ^= 1
		return content
	}
	t.Run("files", func(t *testing.T) {
		folder := t.TempDir()
		w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
		f(w, func(key string) {
			path := filepath.Join(folder, "blob", key[len(key)-2:], key)
			content, err := os.ReadFile(path)
			w.ok(err)
			w.ok(os.WriteFile(path, flip(content), 0o600))
		})
	})
	t.Run("s3", func(t *testing.T) {
		s3 := s3test.Start(t)
		w := newWorld(t, sqltest.Postgres(t), s3.URL("blobs"), registry.Options{})
		f(w, func(key string) {
			o, err := w.blobs.Open(w.Context(), blob.Key(key), large)
			w.ok(err)
			content, err := io.ReadAll(o)
			w.ok(errors.Join(err, o.Close()))
			u := &blob.Upload{ID: key}
			w.ok(w.blobs.Append(w.Context(), u, bytes.NewReader(flip(content))))
			w.ok(w.blobs.Commit(w.Context(), u))
		})
	})
}

// keyOf is where the object of a layer is.
func (w *world) keyOf(d oci.Digest) (key string) {
	w.Helper()
	w.ok(w.db.Row(w.Context(), `SELECT key FROM blob WHERE digest = $1`, sql.Args(string(d)), &key))
	return key
}

// F07: a bit that changed in a stored layer is found by a deep look. The layer is quarantined, beside the running server: it is not served, whoever asks is told that it is not
// there, and no image can be pushed that needs it. Whoever pushes it again mends it, for every repository.
func TestQuarantine(t *testing.T) {
	stores(t, func(w *world, damage func(key string)) {
		r, two := w.repo("app"), w.repo("two")
		content, other := random(large), random(large)
		d := oci.FromBytes(content)
		image := w.of(r, "1", content, other)
		w.of(two, "1", content)
		_, err := r.Layer(w.Context(), d) // it is in memory
		w.ok(err)
		damage(w.keyOf(d))
		w.clean() // nobody sees it who does not read it
		w.finds(`I4   repository .*/(app|two): layer `+string(d)+` has bytes whose digest is sha256:.*; push an image that has it again`, deep)
		w.ok(w.readable(r, d))

		beside := w.open(w.blobsURL, registry.Options{})
		found := 0
		w.ok(registry.Check(w.Context(), beside.db, beside.blobs, nil, &check.Run{Deep: true, Quarantine: true, Report: func(check.Finding) { found++ }}))
		if found != 1 {
			t.Errorf("found %d", found)
		}
		eventually(t, func() bool { return w.readable(r, d) != nil })
		for _, r := range []*registry.Repo{r, two} {
			_, err := r.Layer(w.Context(), d)
			w.refused(err, fault.LayerNotFound, "does not exist")
			if _, err := r.LayerURL(w.Context(), d); err == nil || fault.As(err) != nil {
				t.Errorf("URL of a quarantined layer: %v", err)
			}
			if err := w.readable(r, d); err == nil || fault.As(err) != nil {
				t.Errorf("a quarantined layer can be read: %v", err)
			}
		}
		w.finds(`I4 .*/(app|two): layer ` + string(d) + ` is quarantined: its bytes were found wrong; push an image that has it again`)
		body := w.manifest(r, func(m map[string]any) {
			m["layers"] = []any{describe("application/vnd.oci.image.layer.v1.tar", content)}
		})
		_, err = r.PutImage(w.Context(), registry.PutImage{Body: body, Tag: "new"})
		w.refused(err, fault.LayersNotFound, string(d))

		w.push(two, content)
		for _, r := range []*registry.Repo{w.again("app"), two} {
			if !bytes.Equal(w.read(r, d), content) {
				t.Errorf("%s reads other bytes", r.Name)
			}
		}
		w.there(r, image)
		w.image(r, "new", body)
		w.collected()
		w.clean(deep)
	})
}

// readable tells why a layer cannot be read.
func (w *world) readable(r *registry.Repo, d oci.Digest) error {
	c, err := w.again(r.Name).OpenLayer(w.Context(), d)
	if err == nil && c.Content != nil {
		err = c.Close()
	}
	return err
}

// A layer in quarantine whose bytes were put right by hand is served again after a deep look; one without an object is not offered to anybody (I4).
func TestQuarantineEnds(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
	r := w.repo("app")
	content := random(large)
	d := oci.FromBytes(content)
	w.of(r, "1", content)
	key := w.keyOf(d)
	path := filepath.Join(folder, "blob", key[len(key)-2:], key)
	w.ok(os.Rename(path, path+"~"))
	w.finds(`I4 .*layer `+string(d)+` has no object `+key+`; it is quarantined now; push an image that has it again`, quarantine)
	_, err := w.again("app").Layer(w.Context(), d)
	w.refused(err, fault.LayerNotFound, "does not exist")
	w.ok(os.Rename(path+"~", path))
	w.finds(`I4 .* is quarantined, and its bytes are right; berth fsck --deep --repair quarantine has it served again`, deep)
	w.finds(`I4 .* was quarantined, and its bytes are right; it is served again`, deep, quarantine)
	w.ok(w.readable(r, d))
	w.clean(deep)
}

// Small layers and manifests are in the database: one whose bytes are damaged there is not served either, and is mended by a push (F07, F29).
func TestDamagedRows(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		small := random(50)
		d := oci.FromBytes(small)
		image := w.of(r, "1", small)
		m, err := r.Manifest(w.Context(), registry.Reference{Digest: image})
		w.ok(err)
		other := w.pushed(r, "2")
		w.harm(`UPDATE blob SET content = $1 WHERE digest = $2`, random(50), string(d))
		w.harm(`UPDATE manifest SET body = $1 WHERE digest = $2`, append(slices.Clone(m.Body[:len(m.Body)-1]), ' '), string(image))
		if found := w.check(deep); len(found) != 2 {
			t.Errorf("found %q", found)
		}
		n := w.open(t.TempDir(), registry.Options{}) // F29: a server starts, and serves the rest
		r, err = n.Open(w.callOn(n, w.keys[vendor]), ref("app"), "ecr:BatchGetImage")
		w.ok(err)
		_, err = r.Manifest(w.Context(), registry.Reference{Digest: other})
		w.ok(err)
		if _, err := r.Manifest(w.Context(), registry.Reference{Tag: "1"}); err == nil || fault.As(err) != nil {
			t.Errorf("the damaged manifest: %v", err)
		}
		_, err = r.Layer(w.Context(), d)
		w.refused(err, fault.LayerNotFound, "does not exist")
		if _, err := r.OpenLayer(w.Context(), d); err == nil || fault.As(err) != nil {
			t.Errorf("the damaged layer: %v", err)
		}
		if c := n.collect(w); c != (registry.Collected{}) {
			t.Errorf("collected %+v", c)
		}
		w.push(r, small)
		w.image(r, "1", m.Body)
		if got, err := r.Manifest(w.Context(), registry.Reference{Tag: "1"}); err != nil || !bytes.Equal(got.Body, m.Body) {
			t.Errorf("%v", err)
		}
		if !bytes.Equal(w.read(r, d), small) {
			t.Error("it reads other bytes")
		}
		w.clean(deep)
	})
}

// I5: an object that no row leads to is a leak when it is a day old, and can be given back; one that the collection is about to delete is none.
func TestCheckFindsLeaks(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
	r := w.repo("app")
	w.of(r, "1", random(large))
	d := w.push(r, random(large)) // goes
	dying := w.keyOf(d)
	w.clock.advance(25 * time.Hour)
	for dead := int64(0); dead == 0; {
		w.collect(w)
		w.clock.advance(time.Hour)
		status, err := w.Garbage(w.Context())
		w.ok(err)
		dead = status.Dead
	}
	u := &blob.Upload{ID: "0190f0a0-0000-7000-8000-0000000000aa"}
	w.ok(errors.Join(w.blobs.Append(w.Context(), u, bytes.NewReader(random(large))), w.blobs.Commit(w.Context(), u)))
	w.clean()
	for _, key := range []string{string(u.Key()), dying} {
		old := time.Now().Add(-25 * time.Hour)
		w.ok(os.Chtimes(filepath.Join(folder, "blob", key[len(key)-2:], key), old, old))
	}
	w.finds(`I5   object ` + string(u.Key()) + ` of 300000 bytes, stored .*, belongs to nothing; berth fsck --repair leaks gives it back`)
	w.finds(`I5   object .*; given back`, leaks)
	w.clean()
}

// I8: an immutable tag that named two images is found, as long as the events are there; one that was deleted in between, or that the repository let move, is none.
func TestCheckFindsMovedTags(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app", func(n *registry.NewRepository) { n.Mutability.Mode = registry.Immutable })
		first := w.pushed(r, "fixed")
		w.delete(r, w.pushed(r, "again"))
		w.pushed(w.again("app"), "again")
		loose := w.repo("loose")
		w.pushed(loose, "moves")
		w.pushed(loose, "moves")
		changed, err := w.Open(w.root(vendor), ref("loose"), "ecr:PutImageTagMutability")
		w.ok(err)
		w.ok(changed.SetMutability(w.Context(), registry.TagMutability{Mode: registry.Immutable}))
		w.clean()
		w.harm(`DELETE FROM tag WHERE name = 'fixed'`)
		w.harm(`UPDATE manifest SET tagged = $1 WHERE digest = $2`, false, string(first))
		w.clock.advance(time.Second) // events of one millisecond have no order
		second := w.pushed(w.again("app"), "fixed")
		w.finds(`I8 .*/app: tag fixed is immutable, and named image ` + string(first) + ` and then image ` + string(second) + `; .*`)
	})
}

// F07: the scrub finds a damaged layer and quarantines it. It goes on where it was when another node takes it over, and a node that has it keeps others away; a pass that is over
// is followed by another a day after it began.
func TestScrub(t *testing.T) {
	stores(t, func(w *world, damage func(key string)) {
		r := w.repo("app")
		content, small := random(large), random(50)
		d := oci.FromBytes(content)
		w.of(r, "1", random(large), content, small)
		damage(w.keyOf(d))
		bytes := 0
		cut := errors.New("the power is cut")
		wait := func(_ context.Context, n int) error {
			if bytes += n; bytes > large+large/2 && cut != nil {
				return cut
			}
			return nil
		}
		if _, err := w.Scrub(w.Context(), "one", wait); !errors.Is(err, cut) {
			t.Fatal(err)
		}
		cut = nil
		if s, err := w.Scrub(w.Context(), "two", wait); err != nil || s != (registry.Scrubbed{}) {
			t.Errorf("two nodes at once: %+v %v", s, err)
		}
		w.clock.advance(time.Hour)
		s, err := w.Scrub(w.Context(), "two", wait)
		if err != nil || s.Suspects != 1 || s.More || s.Position != 1 || s.Bytes < 2*large {
			t.Errorf("%+v %v", s, err)
		}
		_, err = w.again("app").Layer(w.Context(), d)
		w.refused(err, fault.LayerNotFound, "does not exist")
		w.push(r, content)
		w.ok(w.readable(r, d))
		if s, err := w.Scrub(w.Context(), "one", wait); err != nil || s != (registry.Scrubbed{}) {
			t.Errorf("before a day is over: %+v %v", s, err)
		}
		w.clock.advance(25 * time.Hour)
		if s, err := w.Scrub(w.Context(), "one", wait); err != nil || s.Suspects != 0 || s.Bytes < 2*large {
			t.Errorf("the next day: %+v %v", s, err)
		}
		w.clean(deep)
	})
}
