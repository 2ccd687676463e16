package registry_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// F07: bytes that were lost or cut short are mended by pushing the same content again, for every repository that holds them.
func TestPushAgainMendsALayer(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, sqltest.SQLite(t), folder, registry.Options{})
	content := random(large)
	d := oci.FromBytes(content)
	one, two := w.repo("one"), w.repo("two")
	for _, r := range []*registry.Repo{one, two} {
		w.push(r, content)
	}
	for _, harm := range []func(path string) error{os.Remove, func(path string) error { return os.Truncate(path, 1000) }} {
		found := 0
		err := filepath.WalkDir(filepath.Join(folder, "blob"), func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				found++
				err = harm(path)
			}
			return err
		})
		if err != nil || found != 1 {
			t.Fatalf("%d objects, %v", found, err)
		}
		if c, err := one.OpenLayer(w.Context(), d); err == nil {
			c.Close()
			t.Fatal("the layer could still be opened")
		}
		w.push(two, content)
		for _, r := range []*registry.Repo{one, two} {
			if !bytes.Equal(w.read(r, d), content) {
				t.Errorf("%s reads other bytes", r.Name)
			}
		}
	}
}

// A manifest that refers to very many layers would hold up everybody else when it is removed (H41).
func TestManifestOfTooManyLayers(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
	r := w.repo("many")
	body := w.manifest(r, func(m map[string]any) {
		layer := map[string]any{"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest": oci.FromBytes([]byte("x")), "size": 1}
		many := make([]any, 10_001)
		for i := range many {
			many[i] = layer
		}
		m["layers"] = many
	})
	_, err := r.PutImage(w.Context(), registry.PutImage{Body: body, Tag: "many"})
	w.refused(err, fault.ManifestInvalid, "The manifest refers to 10001 layers")
}
