package registry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

var keepWeek = registry.Options{KeepRemoved: 7 * 24 * time.Hour}

// restored brings an image back and tells what came: digests by their names, with tags; then the tags that did not.
func (w *world) restored(r *registry.Repo, id registry.Reference, names map[oci.Digest]string) string {
	w.Helper()
	b, err := r.Restore(w.Context(), id)
	w.ok(err)
	var came []string
	for _, i := range b.Images {
		came = append(came, names[i.Digest]+"="+strings.Join(i.Tags, ","))
	}
	slices.Sort(came[1:]) // the first is what was asked for; the others have no order
	s := strings.Join(came, " ") + " "
	for _, t := range b.Elsewhere {
		s += "not " + t.Tag + " "
	}
	return s
}

// A deleted image comes back as it was: digest, manifest, times, tags, and what referred to it.
func TestRestore(t *testing.T) {
	eachWith(t, keepWeek, func(w *world) {
		r := w.repo("again")
		body := w.manifest(r)
		d := w.image(r, "v1", body)
		w.image(r, "v2", body)
		sbom := w.image(r, "", w.manifest(r, subject(d)))
		signature := w.image(r, "sig", w.manifest(r, subject(sbom)))
		names := map[oci.Digest]string{d: "it", sbom: "sbom", signature: "signature"}
		all := []registry.Reference{{Digest: d}, {Digest: sbom}, {Digest: signature}}
		before, err := r.ImagesByID(w.Context(), all)
		w.ok(err)

		w.remove(r, registry.Reference{Tag: "v1"}, registry.Reference{Tag: "v2"}) // both by one request
		for d := range names {
			w.gone(r, d)
		}
		list, _, err := r.RemovedImages(w.Context(), "", 10)
		w.ok(err)
		if len(list) != 1 || list[0].Digest != d || strings.Join(list[0].Tags, " ") != "v1 v2" || !strings.HasSuffix(list[0].RemovedBy, ":root") || list[0].Reason == "" ||
			list[0].Until.Sub(list[0].RemovedAt) != keepWeek.KeepRemoved || !list[0].PushedAt.Equal(before[0].PushedAt) {
			t.Fatalf("%+v", list)
		}
		w.expect(w.restored(r, registry.Reference{Tag: "v2"}, names), "it=v1,v2 sbom= signature=sig ")
		after, err := r.ImagesByID(w.Context(), all)
		w.ok(err)
		for i := range before {
			if !same(before[i], after[i]) {
				t.Errorf("was %+v, is %+v", before[i], after[i])
			}
		}
		m, err := r.Manifest(w.Context(), registry.Reference{Tag: "v1"})
		if err != nil || string(m.Body) != string(body) {
			t.Fatal(err)
		}
		found, _, err := r.Referrers(w.Context(), d, nil, "", "", 10)
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		_, err = r.Restore(w.Context(), registry.Reference{Digest: d})
		w.refused(err, fault.ImageNotFound, "can be restored") // it is no more among the removed
		w.expect(w.remove(r, registry.Reference{Tag: "sig"}), signature.Hex()[:9]+":sig ")
		w.expect(w.restored(r, registry.Reference{Digest: signature}, names), "signature=sig ")

		// Of another repository, nothing is known here; nothing at all after the time.
		_, err = w.repo("elsewhere").Restore(w.Context(), registry.Reference{Digest: d})
		w.refused(err, fault.ImageNotFound, "")
		w.remove(r, registry.Reference{Digest: d})
		w.clock.advance(keepWeek.KeepRemoved + time.Second)
		_, err = r.Restore(w.Context(), registry.Reference{Digest: d})
		w.refused(err, fault.ImageNotFound, "")
		n, err := w.ForgetRemoved(w.Context())
		if err != nil || n != 3 {
			t.Fatal(n, err)
		}
		w.ok(r.Delete(w.Context(), false)) // what is removed is no image
	})
}

func same(a, b registry.Image) bool {
	return a.Digest == b.Digest && strings.Join(a.Tags, " ") == strings.Join(b.Tags, " ") && a.Size == b.Size && a.PushedAt.Equal(b.PushedAt) && a.LastPull.Equal(b.LastPull) &&
		a.MediaType == b.MediaType && a.ArtifactMediaType == b.ArtifactMediaType && a.Subject == b.Subject && a.Status == b.Status && a.ArchivedAt.Equal(b.ArchivedAt) &&
		a.ActivatedAt.Equal(b.ActivatedAt)
}

// An index comes back with those of its children that are gone; a tag that names another image stays there, also in a mutable repository; an image that was pushed again gets its
// tags; one whose children were forgotten does not come back.
func TestRestoreMeanwhile(t *testing.T) {
	eachWith(t, keepWeek, func(w *world) {
		r := w.repo("meanwhile", immutable("IMMUTABLE_WITH_EXCLUSION", "moving*"))
		a, b := w.pushed(r, ""), w.pushed(r, "b")
		body := w.index(r, a, b)
		index := w.image(r, "latest", body)
		w.image(r, "moving", body)
		names := map[oci.Digest]string{a: "a", b: "b", index: "index"}
		w.remove(r, registry.Reference{Digest: index}, registry.Reference{Digest: a}, registry.Reference{Digest: b})
		other := w.pushed(r, "latest")
		w.image(r, "moving", w.manifest(r))
		w.expect(w.restored(r, registry.Reference{Digest: index}, names), "index= a= b=b not latest not moving ")
		m, err := r.Manifest(w.Context(), registry.Reference{Tag: "latest"})
		if err != nil || m.Digest != other {
			t.Fatal(m, err)
		}
		for _, d := range []oci.Digest{index, a, b} {
			w.there(r, d)
		}

		// Pushed again meanwhile, under another tag.
		content := w.manifest(r)
		d := w.image(r, "one", content)
		w.remove(r, registry.Reference{Digest: d})
		w.image(r, "two", content)
		pushed := w.only(r, d).PushedAt
		w.expect(w.restored(r, registry.Reference{Tag: "one"}, map[oci.Digest]string{d: "it"}), "it=one ")
		if i := w.only(r, d); strings.Join(i.Tags, " ") != "one two" || !i.PushedAt.Equal(pushed) {
			t.Fatalf("%+v", i)
		}

		// Archived when it was deleted, archived when it is back.
		w.archive(r, registry.Reference{Digest: d})
		w.remove(r, registry.Reference{Digest: d})
		w.restored(r, registry.Reference{Digest: d}, nil)
		w.expect(w.statuses(r, d), "ARCH ")

		// What a repository's pattern refuses is not brought back by the back door.
		w.remove(r, registry.Reference{Digest: d})
		w.ok(r.SetTagPattern(w.Context(), "o.*"))
		w.expect(w.restored(r, registry.Reference{Digest: d}, map[oci.Digest]string{d: "it"}), "it=one not two ")

		// A child that is forgotten.
		child := w.pushed(r, "")
		parent := w.image(r, "", w.index(r, child))
		w.remove(r, registry.Reference{Digest: parent})
		w.clock.advance(4 * 24 * time.Hour)
		w.remove(r, registry.Reference{Digest: child})
		w.restored(r, registry.Reference{Digest: child}, nil)
		w.restored(r, registry.Reference{Digest: parent}, nil)
		w.remove(r, registry.Reference{Digest: parent}, registry.Reference{Digest: child})
		w.clock.advance(8 * 24 * time.Hour)
		_, err = w.ForgetRemoved(w.Context())
		w.ok(err)
		_, err = r.Restore(w.Context(), registry.Reference{Digest: parent})
		w.refused(err, fault.ImageNotFound, "")
	})
}

// Without Options.KeepRemoved what is deleted is gone. A repository takes with it what was removed from it.
func TestRemovedEnds(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("gone")
		d := w.pushed(r, "v1")
		w.remove(r, registry.Reference{Digest: d})
		_, err := r.Restore(w.Context(), registry.Reference{Digest: d})
		w.refused(err, fault.ImageNotFound, "")
	})
	eachWith(t, keepWeek, func(w *world) {
		r := w.repo("gone")
		d := w.pushed(r, "v1")
		w.remove(r, registry.Reference{Digest: d})
		w.ok(r.Delete(w.Context(), false))
		_, err := w.repo("gone").Restore(w.Context(), registry.Reference{Digest: d})
		w.refused(err, fault.ImageNotFound, "") // H102
	})
}

// API-78: what comes back is as signed as it was: its signatures come with it, and how far they are; what was still to be signed is signed then.
func TestRestoreSigned(t *testing.T) {
	eachWith(t, keepWeek, func(w *world) {
		w.repo("signed")
		root := w.root(vendor)
		p, err := w.CreateSigningProfile(root, vendor, region, "release")
		w.ok(err)
		w.ok(w.PutSigningRules(root, vendor, region, []registry.SigningRule{{Profile: p.ARN}}))
		r := w.again("signed")
		signed := w.pushed(r, "signed")
		tasks, err := w.SigningTasks(w.Context(), 10)
		w.ok(err)
		if len(tasks) != 1 {
			t.Fatalf("%d tasks", len(tasks))
		}
		w.ok(tasks[0].Attach(w.Context(), []byte("{}"), "application/jose+json", map[string]string{"by": "us"}))
		failed := w.pushed(r, "failed")
		tasks, err = w.SigningTasks(w.Context(), 10)
		w.ok(err)
		w.ok(tasks[0].Fail(w.Context(), "ProfileNotFound", "it is gone"))
		waiting := w.pushed(r, "waiting")
		all := []oci.Digest{signed, failed, waiting}
		statuses := func() (list []registry.SigningStatus) {
			for _, d := range all {
				_, some, err := r.SigningStatuses(w.Context(), registry.Reference{Digest: d})
				w.ok(err)
				list = append(list, some...)
			}
			return list
		}
		before := statuses()
		for _, d := range all {
			w.remove(r, registry.Reference{Digest: d})
		}
		if tasks, err := w.SigningTasks(w.Context(), 10); err != nil || len(tasks) != 0 {
			t.Fatal(tasks, err)
		}
		for _, d := range all {
			w.restored(r, registry.Reference{Digest: d}, nil)
		}
		if after := statuses(); len(before) != 3 || !slices.Equal(before, after) {
			t.Errorf("was %+v, is %+v", before, after)
		}
		if found, _, err := r.Referrers(w.Context(), signed, nil, "", "", 10); err != nil || len(found) != 1 {
			t.Error(found, err)
		}
		tasks, err = w.SigningTasks(w.Context(), 10)
		w.ok(err)
		if len(tasks) != 1 || tasks[0].Subject.Digest != waiting {
			t.Errorf("%+v", tasks)
		}
	})
}
