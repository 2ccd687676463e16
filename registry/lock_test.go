package registry_test

import (
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// A lock refuses deletion, archiving and the move of a locked tag, on each way to these, and tells who locked and why.
func TestLocks(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("kept")
		byTag, byDigest := w.pushed(r, "v1"), w.pushed(r, "other")
		body := w.manifest(r)
		_, err := r.LockImage(w.Context(), registry.Reference{Tag: "none"}, "x")
		w.refused(err, fault.ImageNotFound, "imageTag:'none'")
		_, err = r.LockImage(w.Context(), registry.Reference{Tag: "v1"}, "")
		w.refused(err, fault.InvalidParameter, "reason")
		_, err = r.LockImage(w.Context(), registry.Reference{Tag: "v1"}, " \t\n")
		w.refused(err, fault.InvalidParameter, "reason")
		l, err := r.LockImage(w.Context(), registry.Reference{Tag: "v1"}, "certified in May")
		if err != nil || l.Target != "v1" || !strings.HasSuffix(l.By, ":root") {
			t.Fatal(l, err)
		}
		_, err = r.LockImage(w.Context(), registry.Reference{Tag: "v1"}, "mine")
		w.refused(err, fault.InvalidParameter, "Unlock it first: the image v1 is locked by ")
		_, err = r.LockImage(w.Context(), registry.Reference{Digest: byDigest}, "evidence")
		w.ok(err)

		w.expect(w.remove(r, registry.Reference{Tag: "v1"}, registry.Reference{Digest: byTag}, registry.Reference{Digest: byDigest}, registry.Reference{Tag: "other"}),
			"ImageLocked ImageLocked ImageLocked ImageLocked ")
		_, failures, err := r.DeleteImages(w.Context(), []registry.Reference{{Tag: "v1"}})
		if err != nil || !strings.Contains(failures[0].Reason, "v1 is locked by arn:aws:iam::"+vendor+":root since ") || !strings.HasSuffix(failures[0].Reason, ": certified in May") {
			t.Fatal(failures, err)
		}
		for _, d := range []oci.Digest{byTag, byDigest} {
			_, err = r.Archive(w.Context(), registry.Reference{Digest: d})
			w.refused(err, fault.StorageClassNotSupported, "is locked by")
		}
		_, err = r.PutImage(w.Context(), registry.PutImage{Body: body, Tag: "v1"})
		w.refused(err, fault.ImageTagAlreadyExists, "certified in May")
		for _, force := range []bool{false, true} {
			if w.refused(r.Delete(w.Context(), force), fault.RepositoryNotEmpty, ""); !force {
				continue
			}
			w.refused(r.Delete(w.Context(), force), fault.RepositoryNotEmpty, "is locked by")
		}
		// A locked digest stays; its names need not.
		w.image(r, "other", body)
		w.there(r, byDigest)
		w.image(r, "again", mustBody(w, r, byDigest))
		w.image(r, "more", mustBody(w, r, byDigest))
		w.expect(w.remove(r, registry.Reference{Tag: "more"}, registry.Reference{Tag: "again"}), byDigest.Hex()[:9]+":more ImageLocked ")

		// What refers to an image stays if it is locked itself, and a locked child of an index is not archived with it.
		subjectImage := w.pushed(r, "subject")
		sbom := w.image(r, "", w.manifest(r, subject(subjectImage)))
		_, err = r.LockImage(w.Context(), registry.Reference{Digest: sbom}, "audit")
		w.ok(err)
		child := w.pushed(r, "")
		_, err = r.LockImage(w.Context(), registry.Reference{Digest: child}, "in use")
		w.ok(err)
		index := w.image(r, "index", w.index(r, child))
		w.remove(r, registry.Reference{Digest: subjectImage})
		w.gone(r, subjectImage)
		w.there(r, sbom)
		w.archive(r, registry.Reference{Digest: index})
		w.expect(w.statuses(r, index, child), "ARCH ACTI ")

		list, more, err := r.Locks(w.Context(), "", 3)
		if err != nil || len(list) != 3 || !more {
			t.Fatal(list, more, err)
		}
		rest, more, err := r.Locks(w.Context(), list[2].Target, 3)
		if err != nil || len(rest) != 1 || more || rest[0].Target != "v1" || rest[0].Reason != "certified in May" {
			t.Fatal(rest, more, err)
		}
		_, err = r.UnlockImage(w.Context(), registry.Reference{Tag: "v2"})
		w.refused(err, fault.ImageNotFound, "There is no lock on v2")
		l, err = r.UnlockImage(w.Context(), registry.Reference{Tag: "v1"})
		if err != nil || l.Reason != "certified in May" {
			t.Fatal(l, err)
		}
		w.expect(w.remove(r, registry.Reference{Tag: "v1"}), byTag.Hex()[:9]+":v1 ")
	})
}

func mustBody(w *world, r *registry.Repo, d oci.Digest) []byte {
	w.Helper()
	m, err := r.Manifest(w.Context(), registry.Reference{Digest: d})
	w.ok(err)
	return m.Body
}

// The pattern is demanded of every tag that is made or moved, and not of those that are there (H86: patterns take little time, whatever they are).
func TestTagPattern(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("named")
		body := w.manifest(r)
		w.image(r, "old", body)
		for pattern, text := range map[string]string{"(": "regular expression", "(a{999}){999}": "regular expression", strings.Repeat("a", 501): "500", `a\1`: "regular expression"} {
			w.refused(r.SetTagPattern(w.Context(), pattern), fault.InvalidParameter, text)
		}
		w.ok(r.SetTagPattern(w.Context(), `v\d+\.\d+|main`))
		r = w.again("named")
		w.expect(r.TagPattern, `v\d+\.\d+|main`)
		for _, tag := range []string{"latest", "v1", "xv1.2", "v1.2x", "mainly"} {
			_, err := r.PutImage(w.Context(), registry.PutImage{Body: body, Tag: tag})
			w.refused(err, fault.TagInvalid, `must match the pattern v\d+\.\d+|main`)
		}
		_, err := r.PutImage(w.Context(), registry.PutImage{Body: w.manifest(r), Tag: "old"})
		w.refused(err, fault.TagInvalid, "must match")
		w.image(r, "v1.2", body)
		w.image(r, "main", body)
		w.image(r, "old", body) // it is there: nothing is made or moved
		w.image(r, "", w.manifest(r))
		w.ok(r.SetTagPattern(w.Context(), ""))
		w.image(r, "latest", body)
	})
}
