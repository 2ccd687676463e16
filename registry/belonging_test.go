package registry_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// I1, I4, F08: a disk with layers that is away under a running server is no reason to believe that they are lost. The mount point looks like an empty store: a push of a layer that
// others have is refused, nothing is quarantined, fsck gives nothing back, and when the disk is there again so are all images.
func TestStoreThatIsAway(t *testing.T) {
	each(t, func(w *world) {
		r, other := w.repo("app"), w.repo("other")
		content := random(large)
		d := oci.FromBytes(content)
		image := w.of(r, "1", content)

		mounted, away := w.blobsURL, w.blobsURL+".away"
		w.ok(os.Rename(mounted, away))
		_, err := blob.OpenFiles(mounted) // what is below the mount
		w.ok(err)
		_, err = other.PutLayer(w.Context(), d, bytes.NewReader(content))
		w.refused(err, fault.Unavailable, "storage")
		if s, err := w.Scrub(w.Context(), "one", nothing); !fault.Is(err, fault.Unavailable) || s.Suspects > 0 {
			t.Errorf("the scrub: %+v, %v", s, err)
		}
		run := &check.Run{Leaks: true, Quarantine: true, Report: func(f check.Finding) { t.Errorf("fsck found %s", f) }}
		if err := registry.Check(w.Context(), w.db, w.blobs, nil, run); err == nil || !strings.Contains(err.Error(), "--repair store") {
			t.Errorf("fsck: %v", err)
		}
		if _, err := registry.Open(w.Context(), w.db, w.blobs, w.dir, w.log, registry.Options{Now: w.clock.Now}); err == nil || !strings.Contains(err.Error(), "none of the layers") {
			t.Errorf("a server starts with an empty store: %v", err)
		}

		w.ok(os.RemoveAll(mounted))
		w.ok(os.Rename(away, mounted))
		w.there(r, image)
		if got := w.read(r, d); !bytes.Equal(got, content) {
			t.Errorf("%d bytes are read back", len(got))
		}
		w.clean(deep)
	})
}

func nothing(context.Context, int) error { return nil }

// A store is of one installation: another one does not start with it, nor does its fsck take it for leaks. Where a store is lost for good, an empty one is used when somebody
// says so, and pushes bring back what is missing (F29).
func TestStoreOfAnotherInstallation(t *testing.T) {
	each(t, func(w *world) {
		content := random(large)
		image := w.of(w.repo("app"), "1", content)
		empty := t.TempDir()
		store, err := blob.OpenFiles(empty)
		w.ok(err)
		w.ok(store.SetNote(w.Context(), "installation", []byte("another")))
		if _, err := registry.Open(w.Context(), w.db, store, w.dir, w.log, registry.Options{Now: w.clock.Now}); err == nil || !strings.Contains(err.Error(), "belongs to another installation") {
			t.Errorf("a server starts with it: %v", err)
		}
		if err := registry.Check(w.Context(), w.db, store, nil, &check.Run{Leaks: true, Report: func(check.Finding) {}}); err == nil {
			t.Error("fsck looks for leaks in it")
		}

		w.ok(store.SetNote(w.Context(), "installation", nil)) // a berth that left no mark
		fresh := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
		if _, err := registry.Open(t.Context(), fresh.db, w.blobs, fresh.dir, fresh.log, registry.Options{}); err == nil || !strings.Contains(err.Error(), "belongs to another") {
			t.Errorf("a new server starts with a store that is marked: %v", err)
		}
		w.ok(w.blobs.SetNote(w.Context(), "installation", nil))
		if _, err := registry.Open(t.Context(), fresh.db, w.blobs, fresh.dir, fresh.log, registry.Options{}); err == nil || !strings.Contains(err.Error(), "does not know") {
			t.Errorf("a new server starts with a store that is not: %v", err)
		}
		w.open(w.blobsURL, registry.Options{}) // its own does, and marks it
		if mark, err := w.blobs.Note(w.Context(), "installation"); err != nil || len(mark) == 0 {
			t.Errorf("the mark: %q, %v", mark, err)
		}

		var found []string
		w.ok(registry.Check(w.Context(), w.db, store, nil, &check.Run{Store: true, Quarantine: true, Report: func(f check.Finding) { found = append(found, f.String()) }}))
		if len(found) == 0 || !strings.Contains(found[0], "has no object") {
			t.Errorf("fsck found %q", found)
		}
		n := w.open(empty, registry.Options{})
		one, err := n.Open(w.callOn(n, w.keys[vendor]), ref("app"), "ecr:BatchGetImage")
		w.ok(err)
		_, err = one.PutLayer(w.Context(), oci.FromBytes(content), bytes.NewReader(content))
		w.ok(err)
		if got := w.read(one, oci.FromBytes(content)); !bytes.Equal(got, content) {
			t.Errorf("%d bytes are read back", len(got))
		}
		w.there(one, image)
	})
}
