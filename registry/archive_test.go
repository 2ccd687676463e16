package registry_test

import (
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// statuses tells the status of images, in the order in which they are named.
func (w *world) statuses(r *registry.Repo, digests ...oci.Digest) string {
	w.Helper()
	ids := make([]registry.Reference, len(digests))
	for i, d := range digests {
		ids[i].Digest = d
	}
	images, err := r.ImagesByID(w.Context(), ids)
	w.ok(err)
	s := ""
	for _, i := range images {
		s += string(i.Status)[:4] + " "
	}
	return s
}

func (w *world) expect(got, want string) {
	w.Helper()
	if got != want {
		w.Fatalf("got %q, want %q", got, want)
	}
}

func (w *world) archive(r *registry.Repo, id registry.Reference) {
	w.Helper()
	_, err := r.Archive(w.Context(), id)
	w.ok(err)
}

// unpullable asserts that an archived image cannot be had, also when it was in memory just now (LC-35).
func (w *world) unpullable(r *registry.Repo, refs ...registry.Reference) {
	w.Helper()
	for _, ref := range refs {
		_, err := r.Manifest(w.Context(), ref)
		w.refused(err, fault.ImageArchived, "archived")
	}
}

// API-75, LC-35, LC-37, API-71: an archived image keeps its digest and tags and cannot be pulled, its layers neither; it comes back by request or by a push.
func TestArchive(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("cold")
		body := w.manifest(r)
		m, err := oci.ParseManifest(body, "")
		w.ok(err)
		d := w.image(r, "v1", body)
		w.image(r, "v2", body)
		sbom := w.image(r, "", w.manifest(r, subject(d)))
		byTag, byDigest := registry.Reference{Tag: "v1"}, registry.Reference{Digest: d}
		w.there(r, d)
		if _, err := r.Manifest(w.Context(), byTag); err != nil {
			t.Fatal(err)
		}
		_, err = r.OpenLayer(w.Context(), m.Layers[0].Digest)
		w.ok(err)
		pushed := w.only(r, d).PushedAt

		_, err = r.Activate(w.Context(), byDigest)
		w.refused(err, fault.StorageClassNotSupported, "is not archived")
		_, err = r.Archive(w.Context(), registry.Reference{Tag: "none"})
		w.refused(err, fault.ImageNotFound, "imageTag:'none'")
		_, err = r.Archive(w.Context(), registry.Reference{Tag: "v1", Digest: sbom})
		w.refused(err, fault.ImageNotFound, "imageTag:'v1'")
		w.archive(r, byTag)
		_, err = r.Archive(w.Context(), byDigest)
		w.refused(err, fault.StorageClassNotSupported, "archived already")
		w.expect(w.statuses(r, d, sbom), "ARCH ARCH ")
		w.unpullable(r, byTag, byDigest, registry.Reference{Tag: "v2"}, registry.Reference{Digest: sbom})
		i := w.only(r, d)
		if len(i.Tags) != 2 || i.ArchivedAt.IsZero() || !i.ActivatedAt.IsZero() || !i.PushedAt.Equal(pushed) {
			t.Fatalf("%+v", i)
		}
		l, err := r.Layer(w.Context(), m.Layers[0].Digest)
		if err != nil || !l.Archived {
			t.Fatal(l, err)
		}
		_, err = r.OpenLayer(w.Context(), m.Layers[0].Digest)
		w.refused(err, fault.LayerInaccessible, "archived images only")
		tags, _, err := r.TagNames(w.Context(), "", 10)
		if err != nil || len(tags) != 0 {
			t.Fatal(tags, err)
		}
		list, _, err := r.Referrers(w.Context(), d, nil, registry.Active, "", 10)
		if err != nil || len(list) != 0 {
			t.Fatal(list, err)
		}
		for status, want := range map[registry.ImageStatus]int{registry.Active: 0, registry.Archived: 2, registry.Activating: 0, "": 2} {
			found, _, err := r.Images(w.Context(), registry.ImageFilter{Status: status}, "", 10)
			if err != nil || len(found) != want {
				t.Fatal(status, found, err)
			}
		}
		w.refused(r.Delete(w.Context(), false), fault.RepositoryNotEmpty, "still contains images") // API-40

		_, err = r.Activate(w.Context(), byTag)
		w.ok(err)
		w.expect(w.statuses(r, d, sbom), "ACTI ACTI ")
		w.there(r, d)
		if i := w.only(r, d); i.Status != registry.Active || i.ActivatedAt.IsZero() || i.ArchivedAt.IsZero() || !i.PushedAt.Equal(pushed) {
			t.Fatalf("%+v", i)
		}
		l, err = r.Layer(w.Context(), m.Layers[0].Digest)
		if err != nil || l.Archived {
			t.Fatal(l, err)
		}

		// A push restores at once, and says so.
		w.archive(r, byDigest)
		s, err := r.PutImage(w.Context(), registry.PutImage{Body: body, Tag: "v1"})
		if err != nil || s.New || s.Moved || !s.Restored {
			t.Fatal(s, err)
		}
		w.there(r, d)
		w.there(r, sbom)

		// A layer that another image uses too can be read; when that goes, it cannot.
		w.archive(r, byDigest)
		other := w.image(r, "other", append(body, '\n'))
		_, err = r.OpenLayer(w.Context(), m.Layers[0].Digest)
		w.ok(err)
		w.remove(r, registry.Reference{Digest: other})
		_, err = r.OpenLayer(w.Context(), m.Layers[0].Digest)
		w.refused(err, fault.LayerInaccessible, "archived images only")
		// LC-36: deleting needs no restore.
		w.remove(r, byDigest)
		_, err = r.OpenLayer(w.Context(), m.Layers[0].Digest)
		w.ok(err)
	})
}

// only is an image by its digest.
func (w *world) only(r *registry.Repo, d oci.Digest) registry.Image {
	w.Helper()
	images, err := r.ImagesByID(w.Context(), []registry.Reference{{Digest: d}})
	w.ok(err)
	return images[0]
}

// LC-38, API-75: an index goes with the children that nothing else needs and nobody named, and with what refers to them; a child by itself does not. No index that can be
// pulled ever has a child that cannot.
func TestArchiveIndex(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("graph")
		own, shared, named := w.pushed(r, ""), w.pushed(r, ""), w.pushed(r, "named")
		signature := w.image(r, "", w.manifest(r, subject(own)))
		inner := w.image(r, "", w.index(r, own, shared))
		body := w.index(r, inner, own, named)
		outer := w.image(r, "latest", body)
		otherBody := w.index(r, shared)
		other := w.image(r, "other", otherBody)

		_, err := r.Archive(w.Context(), registry.Reference{Digest: own})
		w.refused(err, fault.StorageClassNotSupported, "referenced by an image index")
		w.archive(r, registry.Reference{Tag: "latest"})
		w.expect(w.statuses(r, outer, inner, own, signature, shared, named, other), "ARCH ARCH ARCH ARCH ACTI ACTI ACTI ")
		w.archive(r, registry.Reference{Tag: "other"})
		w.expect(w.statuses(r, other, shared), "ARCH ARCH ") // it was the last that needed it

		_, err = r.Activate(w.Context(), registry.Reference{Tag: "other"})
		w.ok(err)
		w.there(r, shared)
		w.unpullable(r, registry.Reference{Digest: own})
		_, err = r.Activate(w.Context(), registry.Reference{Tag: "latest"})
		w.ok(err)
		for _, d := range []oci.Digest{outer, inner, own, signature, shared, named, other} {
			w.there(r, d)
		}

		// A push of the index, or of another index of the same images, brings back what it needs.
		w.archive(r, registry.Reference{Tag: "latest"})
		w.image(r, "latest", body)
		w.there(r, own)
		w.archive(r, registry.Reference{Tag: "latest"})
		w.unpullable(r, registry.Reference{Digest: own})
		w.image(r, "again", append(body, '\n'))
		w.there(r, own)
		w.there(r, signature)
		w.unpullable(r, registry.Reference{Digest: outer})
	})
}
