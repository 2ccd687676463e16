package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// afterwards is a store in which something happens when an object has been made, and that can refuse to remove anything.
type afterwards struct {
	blob.Store
	happens func()
	keeps   error
}

func (s *afterwards) Commit(ctx context.Context, u *blob.Upload) error {
	err := s.Store.Commit(ctx, u)
	if f := s.happens; f != nil {
		s.happens = nil
		f()
	}
	return err
}

func (s *afterwards) Abort(ctx context.Context, u *blob.Upload) error {
	return errors.Join(s.keeps, s.Store.Abort(ctx, u))
}

func (s *afterwards) Delete(ctx context.Context, key blob.Key) error {
	if s.keeps != nil {
		return s.keeps
	}
	return s.Store.Delete(ctx, key)
}

// However a push ends after its bytes became an object and before a row led to it, the object goes: when the client is gone, when the repository is, when the content was
// stored meanwhile, when the process dies, and when the store removes nothing for a while (I5, F01, F18).
func TestFailedPushesLeaveNothing(t *testing.T) {
	each(t, func(w *world) {
		store := &afterwards{Store: w.blobs}
		n := node{db: w.db, blobs: store, dir: w.dir, log: w.log}
		var err error
		n.Registry, err = registry.Open(w.Context(), w.db, store, w.dir, w.log, registry.Options{Now: w.clock.Now})
		w.ok(err)
		defer n.Close()

		// repo is a repository that a client pushes to; its context ends when the object has been made.
		type push struct {
			*registry.Repo
			ctx context.Context
			d   oci.Digest
			in  *bytes.Reader
		}
		gone := func(name string) push {
			w.repo(name)
			r, err := n.Open(w.root(vendor), ref(name), "ecr:PutImage")
			w.ok(err)
			content := random(large)
			ctx, cancel := context.WithCancel(w.Context())
			store.happens = cancel
			return push{r, ctx, oci.FromBytes(content), bytes.NewReader(content)}
		}
		// unfinished is an upload whose object was made, and no more.
		unfinished := func(name string) (*registry.Repo, string) {
			p := gone(name)
			id := w.start(p.Repo)
			if _, _, err := p.Complete(p.ctx, id, p.d, p.in); err == nil {
				w.Fatal("the push succeeded")
			}
			return p.Repo, id
		}
		remove := func(name string) {
			r, err := w.Open(w.root(vendor), ref(name), "ecr:DeleteRepository")
			w.ok(err)
			w.ok(r.Delete(w.Context(), true))
		}
		for name, fails := range map[string]func(name string){
			"one request": func(name string) {
				p := gone(name)
				if _, err := p.PutLayer(p.ctx, p.d, p.in); err == nil {
					w.Error("the push succeeded")
				}
			},
			"one request, and the repository is deleted": func(name string) {
				p := gone(name)
				store.happens = func() { remove(name) }
				_, err := p.PutLayer(p.ctx, p.d, p.in)
				w.refused(err, fault.RepositoryNotFound, "")
			},
			"one request, and the process dies": func(name string) {
				p := gone(name)
				store.happens = func() { panic("dies") }
				defer func() { _ = recover() }()
				_, _ = p.PutLayer(p.ctx, p.d, p.in)
			},
			"one request, of what is pushed meanwhile": func(name string) {
				p := gone(name)
				content := random(large)
				store.happens = func() { w.push(w.repo(name+"/other"), content) }
				store.keeps = errors.New("no")
				_, err := p.PutLayer(p.ctx, oci.FromBytes(content), bytes.NewReader(content))
				w.ok(err)
			},
			"cancelled": func(name string) {
				r, id := unfinished(name)
				w.ok(r.Cancel(w.Context(), id))
			},
			"completed with a wrong digest": func(name string) {
				r, id := unfinished(name)
				_, _, err := r.Complete(w.Context(), id, oci.FromBytes([]byte("else")), nil)
				w.refused(err, fault.InvalidLayer, "")
			},
			"left alone": func(name string) { unfinished(name) },
			"left alone while nothing can be removed": func(name string) {
				unfinished(name + "/1")
				unfinished(name + "/2")
				store.keeps = errors.New("no")
				w.clock.advance(25 * time.Hour)
				for range 3 {
					if _, err := n.ExpireUploads(w.Context()); err == nil {
						break
					}
				}
			},
			"the repository is deleted": func(name string) {
				unfinished(name)
				remove(name)
			},
			"the repository is deleted, with many uploads": func(name string) {
				r, _ := unfinished(name)
				w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error {
					for range 600 {
						if _, err := tx.Exec(`INSERT INTO upload (id, repository_id, principal, size, sum, tail, state, parts, short_parts, last_part, version, touched_at)
							SELECT $1, repository_id, principal, size, sum, tail, state, parts, short_parts, last_part, version, touched_at FROM upload WHERE repository_id = $2 LIMIT 1`, uuid.NewString(), r.ID); err != nil {
							return err
						}
					}
					return nil
				}))
				remove(name)
			},
		} {
			fails(fmt.Sprintf("%.6s", oci.FromBytes([]byte(name)).Hex()))
			store.keeps = nil
			for range 4 * 12 {
				w.clock.advance(2 * time.Hour)
				_, err := n.ExpireUploads(w.Context())
				w.ok(err)
				n.collect(w)
			}
			if stored, left := objects(w, w.blobsURL); stored+left > 0 {
				w.Errorf("%s: %d objects and %d files of uploads are left for ever", name, stored, left)
				w.ok(w.blobs.Walk(w.Context(), func(key blob.Key, _ int64, _ time.Time) error { return w.blobs.Delete(w.Context(), key) }))
			}
		}
	})
}
