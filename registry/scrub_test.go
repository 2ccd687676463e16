package registry_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// shut is a store that does not give some objects, or any at all.
type shut struct {
	blob.Store
	keys map[blob.Key]bool
	all  bool
}

func (s *shut) Open(ctx context.Context, key blob.Key, size int64) (blob.Content, error) {
	if s.all || s.keys[key] {
		return nil, fault.Wrap(fs.ErrPermission, fault.Unavailable, "the registry's storage does not answer as it should; try again")
	}
	return s.Store.Open(ctx, key, size)
}

// F07: layers that cannot be read are told of, and keep neither the scrub nor fsck from what comes after them; a store that gives nothing ends both.
func TestUnreadableLayers(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
	store := &shut{Store: w.blobs, keys: map[blob.Key]bool{}}
	n := w.node
	var err error
	n.Registry, err = registry.Open(w.Context(), w.db, store, w.dir, w.log, registry.Options{Now: w.clock.Now})
	w.ok(err)
	defer n.Close()
	r := w.repo("app")
	contents := [][]byte{random(large), random(large), random(large), random(large), random(large), random(large), random(large)}
	w.of(r, "1", contents...)
	key := func(i int) blob.Key {
		var key string
		w.ok(w.db.Row(w.Context(), `SELECT key FROM blob WHERE size = $1 ORDER BY id LIMIT 1 OFFSET $2`, sql.Args(large, i), &key))
		return blob.Key(key)
	}
	for _, i := range []int{0, 1, 3, 4} {
		store.keys[key(i)] = true
	}
	// The bytes of the last one are wrong.
	u := &blob.Upload{ID: string(key(6))}
	w.ok(w.blobs.Append(w.Context(), u, bytes.NewReader(random(large))))
	w.ok(w.blobs.Commit(w.Context(), u))

	quick := func(context.Context, int) error { return nil }
	s, err := n.Scrub(w.Context(), "one", quick)
	if err == nil || strings.Count(err.Error(), "cannot be read") != 4 || !errors.Is(err, fs.ErrPermission) || s.Suspects != 1 || s.Position != 1 || s.More {
		t.Errorf("%+v %v", s, err)
	}
	var found []string
	look := func() error {
		found = nil
		return registry.Check(w.Context(), w.db, store, nil, &check.Run{Deep: true, Report: func(f check.Finding) { found = append(found, f.String()) }})
	}
	if err := look(); err != nil || len(found) != 5 || strings.Count(strings.Join(found, "\n"), "cannot be read: permission denied") != 4 {
		t.Errorf("fsck: %v\n%s", err, strings.Join(found, "\n"))
	}
	store.all = true
	if err := look(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("fsck of a store that gives nothing: %v", err)
	}
	w.clock.advance(25 * time.Hour)
	for part := range 2 { // it does not stand still either
		s, err = n.Scrub(w.Context(), "one", quick)
		if want := []int{5, 2}[part]; err == nil || strings.Count(err.Error(), "cannot be read") != want {
			t.Errorf("part %d of a store that gives nothing: %+v, %v", part, s, err)
		}
	}
}

// A node that loses the scrub to another, because nothing was heard of it for too long, has nothing more to do, and nothing failed (F26).
func TestScrubIsTakenOver(t *testing.T) {
	each(t, func(w *world) {
		w.of(w.repo("app"), "1", random(large), random(large))
		bytes := 0
		quick := func(context.Context, int) error { return nil }
		s, err := w.Scrub(w.Context(), "one", func(ctx context.Context, n int) error {
			if bytes += n; bytes == n { // the first
				w.clock.advance(time.Hour)
				if s, err := w.Scrub(ctx, "two", quick); err != nil || s.Position != 1 {
					t.Errorf("the other node: %+v %v", s, err)
				}
			}
			return nil
		})
		if err != nil || s.More {
			t.Errorf("%+v %v", s, err)
		}
	})
}
