package registry_test

import (
	"math"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// LC-22: what refers to an image that is not there belongs to nothing: rules are asked about it, and it goes. As soon as its subject is there it belongs to that.
func TestLifecycleOfOrphans(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("orphans")
		late := w.manifest(r)
		orphan, early := w.image(r, "", w.manifest(r, subject(oci.FromBytes([]byte("nothing"))))), w.image(r, "", w.manifest(r, subject(oci.FromBytes(late))))
		newest := w.pushed(r, "newest")
		w.ok(r.SetLifecycle(w.Context(), rules(anyOne)))
		f, _ := w.forecast(r, "", w.clock.Now(), 10)
		if f.Images != 3 || f.Expired != 2 {
			t.Errorf("%+v", f)
		}
		run := w.around(func() { w.image(r, "late", late) })
		if run.Expired != 1 || run.Kept != 1 {
			t.Errorf("%+v", run)
		}
		w.gone(r, orphan)
		w.holds(r, newest, early, oci.FromBytes(late))
	})
}

// An index that expires is one line among the removed images, and comes back whole by one request; so does a platform alone, with what refers to it. What the policy would
// do with it again is told, and that an image from the archive cannot be pulled.
func TestRestoreExpiredIndex(t *testing.T) {
	eachWith(t, keepWeek, func(w *world) {
		r := w.repo("index")
		amd, arm := w.pushed(r, ""), w.pushed(r, "")
		signature := w.image(r, "", w.manifest(r, subject(amd)))
		index := w.image(r, "v1", w.index(r, amd, arm))
		sbom := w.image(r, "", w.manifest(r, subject(index)))
		names := map[oci.Digest]string{amd: "amd", arm: "arm", signature: "signature", index: "index", sbom: "sbom"}
		newest := w.pushed(r, "newest")
		expire := func() {
			t.Helper()
			w.ok(r.SetLifecycle(w.Context(), rules(anyOne)))
			w.due()
			w.holds(r, newest)
			list, _, err := r.RemovedImages(w.Context(), "", 10)
			if w.ok(err); len(list) != 1 || list[0].Digest != index {
				t.Fatalf("removed are %+v", list)
			}
		}
		expire()
		w.expect(w.restored(r, registry.Reference{Tag: "v1"}, names), "index=v1 amd= arm= sbom= signature= ")
		w.holds(r, amd, arm, signature, index, sbom, newest)
		expire()
		w.expect(w.restored(r, registry.Reference{Digest: amd}, names), "amd= signature= ")
		b, err := r.Restore(w.Context(), registry.Reference{Digest: index})
		w.ok(err)
		w.holds(r, amd, arm, signature, index, sbom, newest)
		if want := "rule 1 of the lifecycle policy will expire it again; `berth image lock index v1 --reason TEXT` keeps it"; strings.Join(b.Notes, "\n") != want {
			t.Errorf("%q", b.Notes)
		}

		_, err = r.DeleteLifecycle(w.Context())
		w.ok(err)
		w.archive(r, registry.Reference{Tag: "v1"})
		w.remove(r, registry.Reference{Tag: "v1"})
		if b, err = r.Restore(w.Context(), registry.Reference{Tag: "v1"}); err != nil || len(b.Notes) != 1 || !strings.Contains(b.Notes[0], "cannot be pulled") {
			t.Errorf("%+v, %v", b, err)
		}
		d := w.pushed(r, "plain")
		w.remove(r, registry.Reference{Digest: d})
		if b, err = r.Restore(w.Context(), registry.Reference{Tag: "plain"}); err != nil || b.Notes != nil {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

// What a workload uses is not archived by request either, nor what it would go with; deleting it is left to who asks for it, as AWS does.
func TestArchiveInUse(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("running")
		amd := w.pushed(r, "")
		w.image(r, "v1", w.index(r, amd))
		plain := w.pushed(r, "v2")
		w.inUse(amd)
		_, err := r.Archive(w.Context(), registry.Reference{Tag: "v1"})
		w.refused(err, fault.StorageClassNotSupported, "with it would go "+string(amd)+": it is in use: cluster reported it ")
		w.archive(r, registry.Reference{Tag: "v2"})
		w.inUse(plain) // in place of the report before
		w.archive(r, registry.Reference{Tag: "v1"})
		_, err = r.Activate(w.Context(), registry.Reference{Digest: plain})
		w.ok(err)
		_, err = r.Archive(w.Context(), registry.Reference{Digest: plain})
		w.refused(err, fault.StorageClassNotSupported, "cannot be archived: it is in use: cluster reported it ")
		w.remove(r, registry.Reference{Digest: plain})
		w.gone(r, plain)
	})
}

// LC-26: results are found by digest, by tag and by both, whatever else there is.
func TestPreviewByImage_LC26(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("many")
		a, b, c := w.pushed(r, "a"), w.pushed(r, "b"), w.pushed(r, "c")
		w.pushed(r, "newest")
		_, err := r.StartLifecyclePreview(w.Context(), rules(anyOne))
		w.ok(err)
		_, err = w.RunLifecyclePreview(w.Context())
		w.ok(err)
		for _, want := range []struct {
			images []registry.Reference
			found  []oci.Digest
		}{
			{[]registry.Reference{{Digest: c}, {Digest: a, Tag: "a"}, {Digest: b, Tag: "a"}}, []oci.Digest{a, c}},
			{[]registry.Reference{{Digest: c}, {Tag: "b"}}, []oci.Digest{b, c}},
			{[]registry.Reference{{Digest: c}, {Digest: c}}, []oci.Digest{c}},
		} {
			var found []oci.Digest
			for after, more := "", true; more; more = after != "" {
				var p registry.LifecyclePreview
				p, after, err = r.LifecyclePreview(w.Context(), registry.PreviewFilter{Images: want.images}, after, 1)
				w.ok(err)
				for _, i := range p.Results {
					found = append(found, i.Digest)
				}
				if len(found) > math.MaxInt8 {
					t.Fatal("it does not end")
				}
			}
			if len(found) != len(want.found) || found[0] != want.found[0] || found[len(found)-1] != want.found[len(found)-1] {
				t.Errorf("%v: %v", want.images, found)
			}
		}
	})
}
