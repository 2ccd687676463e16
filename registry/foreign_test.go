package registry_test

import (
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// HTTP-20: a layer that an image of the source only refers to, and that the source does not hold, cannot be mounted from it.
func TestForeignLayerIsNotMounted(t *testing.T) {
	each(t, func(w *world) {
		w.ok(w.PutAccountSetting(w.root(vendor), vendor, region, registry.BlobMounting, "ENABLED"))
		source, target := w.repo("source"), w.repo("target")
		foreign := oci.FromBytes([]byte("elsewhere"))
		w.image(source, "v1", w.manifest(source, func(m map[string]any) {
			m["layers"] = []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest": foreign, "size": 9}}
		}))
		mounted, err := target.MountLayer(w.root(vendor), foreign, "source")
		if w.ok(err); mounted {
			w.Error("mounted what the source does not hold")
		}
		_, err = target.Layer(w.Context(), foreign)
		w.refused(err, fault.LayerNotFound, "")
	})
}

// A name that no database can keep is a client's mistake and not a failure of ours, on each of them.
func TestTagWithNUL(t *testing.T) {
	each(t, func(w *world) {
		_, err := w.repo("nul").ImagesByID(w.Context(), []registry.Reference{{Tag: "a\x00b"}})
		if f := fault.As(err); f == nil || f.Code != fault.ImageNotFound && f.Code != fault.InvalidParameter {
			w.Errorf("%v, want a fault that a client can act upon", err)
		}
	})
}
