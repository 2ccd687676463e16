package registry_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
)

// around runs what is due, with something that happens when the run has chosen its images and has not acted yet.
func (w *world) around(between func()) *registry.LifecycleRun {
	w.Helper()
	w.clock.advance(time.Minute)
	run, err := w.RunLifecycleAround(w.Context(), math.MaxInt, between)
	w.ok(err)
	if run == nil {
		w.Fatal("nothing was due")
	}
	return run
}

// H87: what happens to an image after a run has chosen it, and before it acts, keeps the image, and the run says how many stayed.
func TestLifecycleMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		bodies := map[oci.Digest][]byte{}
		for name, happens := range map[string]func(r *registry.Repo, d oci.Digest){
			"another tag":       func(r *registry.Repo, d oci.Digest) { w.image(r, "again", bodies[d]) },
			"a tag that it had": func(r *registry.Repo, d oci.Digest) { w.image(r, "old", w.manifest(r)) },
			"a lock": func(r *registry.Repo, d oci.Digest) {
				_, err := r.LockImage(w.Context(), registry.Reference{Digest: d}, "evidence")
				w.ok(err)
			},
			"a lock on what refers to it": func(r *registry.Repo, d oci.Digest) {
				_, err := r.LockImage(w.Context(), registry.Reference{Digest: w.image(r, "", w.manifest(r, subject(d)))}, "evidence")
				w.ok(err)
			},
			"use": func(r *registry.Repo, d oci.Digest) { w.inUse(d) },
			"an index": func(r *registry.Repo, d oci.Digest) {
				w.image(r, "index", w.index(r, d))
			},
			"it went and came back": func(r *registry.Repo, d oci.Digest) {
				w.remove(r, registry.Reference{Digest: d})
				w.image(r, "old", bodies[d])
			},
			"archive": func(r *registry.Repo, d oci.Digest) { w.archive(r, registry.Reference{Digest: d}) },
		} {
			r := w.repo("meanwhile/" + strings.ReplaceAll(name, " ", "-"))
			body := w.manifest(r)
			d := w.image(r, "old", body)
			bodies[d] = body
			other := w.pushed(r, "other")
			w.clock.advance(2 * day)
			newest := w.pushed(r, "newest")
			w.ok(r.SetLifecycle(w.Context(), rules(`"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":1`)))
			run := w.around(func() { happens(r, d) })
			if run.Expired != 1 || run.Kept != 1 || run.Ended {
				t.Errorf("%s: %+v", name, run)
			}
			if got := w.all(r); !slices.Contains(got, d) || slices.Contains(got, other) || !slices.Contains(got, newest) {
				t.Errorf("%s: there are %v", name, got)
			}
			_, err := r.DeleteLifecycle(w.Context())
			w.ok(err)
		}
	})
}

// H87: a rule that counts takes nothing that the newest images need to be so many: when one of them goes, is archived, loses its tag or becomes part of an index while
// a run is at work, the run leaves its images alone, and the next run counts again.
func TestLifecycleCountsMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		for name, happens := range map[string]func(r *registry.Repo, newest oci.Digest){
			"it goes": func(r *registry.Repo, d oci.Digest) { w.remove(r, registry.Reference{Digest: d}) },
			"archive": func(r *registry.Repo, d oci.Digest) { w.archive(r, registry.Reference{Digest: d}) },
			"its tag moves": func(r *registry.Repo, d oci.Digest) {
				w.image(r, "v3", w.manifest(r))
				w.remove(r, registry.Reference{Tag: "v3"})
			},
			"its tag goes":   func(r *registry.Repo, d oci.Digest) { w.remove(r, registry.Reference{Tag: "v3"}) },
			"into two pairs": func(r *registry.Repo, d oci.Digest) { w.image(r, "pair", w.index(r, d)) },
		} {
			r := w.repo("counts/" + strings.ReplaceAll(name, " ", "-"))
			one, two, three := w.pushed(r, "v1"), w.pushed(r, "v2"), w.pushed(r, "v3")
			w.ok(r.SetLifecycle(w.Context(), rules(`"tagStatus":"tagged","tagPrefixList":["v"],"countType":"imageCountMoreThan","countNumber":2`)))
			run := w.around(func() { happens(r, three) })
			if run.Expired != 0 || !run.Disturbed || run.Ended {
				t.Errorf("%s: %+v", name, run)
			}
			w.there(r, one)
			w.there(r, two)
			w.image(r, "v4", w.manifest(r))
			w.image(r, "v5", w.manifest(r))
			if run := w.due(); run == nil || run.Expired < 2 || run.Disturbed {
				t.Errorf("%s: the run after it: %+v", name, run)
			}
			_, err := r.DeleteLifecycle(w.Context())
			w.ok(err)
		}
	})
}

// inUse reports that a workload uses an image, for a day.
func (w *world) inUse(d oci.Digest) {
	w.Helper()
	_, _, err := w.PutInventory(w.root(vendor), registry.Report{Source: "cluster", Keep: day, References: []string{string(d)}})
	w.ok(err)
}

// protect has lifecycle policies of the vendor keep what is recent.
func (w *world) protect(p registry.LifecycleProtection) error {
	_, err := w.PutLifecycleProtection(w.root(vendor), &p.Grace, &p.Pulled)
	return err
}

// H87: a run whose policy is replaced or removed while it is at work does nothing more, and says so; so does one whose repository is gone. The new policy runs in its time.
func TestLifecycleReplacedMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("replaced")
		a, b := w.pushed(r, "a"), w.pushed(r, "b")
		w.ok(r.SetLifecycle(w.Context(), rules(anyOne)))
		keep := rules(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":2`)
		if run := w.around(func() { w.ok(r.SetLifecycle(w.Context(), keep)) }); !run.Ended || run.Expired != 0 {
			t.Errorf("%+v", run)
		}
		w.holds(r, a, b)
		evaluated := func(want bool) {
			t.Helper()
			if l, err := r.Lifecycle(w.Context()); err != nil || (l.Evaluated.Unix() != 0) != want {
				t.Errorf("%+v, %v", l, err)
			}
		}
		evaluated(false)
		if run := w.due(); run == nil || run.Ended || run.Expired != 0 {
			t.Errorf("%+v", run)
		}
		// LC-11: the same text has been evaluated, and another one never.
		evaluated(true)
		w.ok(r.SetLifecycle(w.Context(), keep))
		evaluated(true)
		w.ok(r.SetLifecycle(w.Context(), rules(anyOne)))
		evaluated(false)
		run := w.around(func() {
			_, err := r.DeleteLifecycle(w.Context())
			w.ok(err)
		})
		if !run.Ended {
			t.Errorf("%+v", run)
		}
		w.holds(r, a, b)
		w.ok(r.SetLifecycle(w.Context(), rules(anyOne)))
		if run := w.around(func() { w.ok(r.Delete(w.Context(), true)) }); !run.Ended {
			t.Errorf("%+v", run)
		}
		if run := w.due(); run != nil {
			t.Errorf("%+v", run)
		}
	})
}

// LC-23: images go oldest first, also where one run does not take all of them: then the next one follows at once.
func TestLifecycleOldestFirst(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("order")
		var pushed []oci.Digest
		for i := range 6 {
			pushed = append(pushed, w.pushed(r, fmt.Sprint("v", i)))
		}
		w.ok(r.SetLifecycle(w.Context(), rules(anyOne)))
		w.clock.advance(time.Minute)
		for _, went := range []int{2, 4, 5} {
			run, err := w.RunLifecycleAround(w.Context(), 2, func() {})
			w.ok(err)
			if run == nil {
				t.Fatal("nothing was due")
			}
			w.holds(r, slices.Clone(pushed[went:])...)
		}
		run, err := w.RunLifecycle(w.Context())
		if run != nil || err != nil {
			t.Errorf("%+v, %v", run, err)
		}
	})
}

// What is young, was pulled, is in use or locked stays, for as long as it is, and goes with the next run after that.
func TestLifecycleProtections(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("protected")
		d := w.pushed(r, "old")
		newest := w.pushed(r, "newest")
		w.ok(r.SetLifecycle(w.Context(), rules(anyOne)))
		var times []time.Time
		stays := func(why string) {
			w.Helper()
			f, _, err := r.Forecast(w.Context(), "", time.Time{}, "", 10)
			w.ok(err)
			if i := f.List[1]; i.Digest != d || i.Action != "keep" || i.Protected != why {
				w.Errorf("%s: %+v", why, i)
			}
			run := w.due()
			if run == nil || run.Kept != 1 || run.Expired != 0 {
				w.Errorf("%s: %+v", why, run)
			}
			w.holds(r, d, newest)
			l, err := r.Lifecycle(w.Context())
			w.ok(err)
			times = append(times, l.Evaluated)
			w.clock.advance(time.Hour)
		}
		protect := func(p registry.LifecycleProtection) { w.ok(w.protect(p)) }
		protect(registry.LifecycleProtection{Grace: day})
		stays("grace")
		w.again("protected").Pulled(&registry.Manifest{Digest: d})
		w.WritePulls()
		w.clock.advance(day)
		protect(registry.LifecycleProtection{Grace: day, Pulled: 2 * day})
		stays("pulled")
		w.clock.advance(day)
		_, err := r.LockImage(w.Context(), registry.Reference{Tag: "old"}, "evidence")
		w.ok(err)
		stays("lock")
		_, err = r.UnlockImage(w.Context(), registry.Reference{Tag: "old"})
		w.ok(err)
		w.inUse(d)
		stays("use")
		w.clock.advance(day - 2*time.Hour)
		stays("use")
		for i, at := range times[1:] { // LC-24
			if !at.After(times[i]) {
				t.Errorf("evaluated at %v", times)
			}
		}
		if run := w.due(); run == nil || run.Expired != 1 || run.Kept != 0 { // the report is a day old
			t.Errorf("%+v", run)
		}
		w.holds(r, newest)
	})
}

// LC-8, LC-18, LC-34: what nobody pulls is archived, with what refers to it, and expires from the archive after its time there; what is expired can be brought back,
// as an archived image. Each is told and recorded as done by the service (EVT-8, EVT-12, LC-23).
func TestLifecycleArchives(t *testing.T) {
	eachWith(t, keepWeek, func(w *world) {
		r := w.repo("cold")
		cold := w.pushed(r, "cold")
		sbom := w.image(r, "", w.manifest(r, subject(cold)))
		w.clock.advance(30 * day)
		warm := w.pushed(r, "warm")
		w.ok(r.SetLifecycle(w.Context(), `{"rules":[
			{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":30},"action":{"type":"transition","targetStorageClass":"archive"}},
			{"rulePriority":2,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90},"action":{"type":"expire"}}]}`))
		var after int64
		w.events(&after)
		if run := w.due(); run == nil || run.Archived != 1 || run.Expired != 0 {
			t.Fatalf("%+v", run)
		}
		w.expect(w.statuses(r, cold, sbom, warm), "ARCH ARCH ACTI ")
		w.expect(w.events(&after), fmt.Sprintf("Image UPDATE_STORAGE_CLASS  %s\nReferrer UPDATE_STORAGE_CLASS  %s", cold.Hex()[:9], sbom.Hex()[:9]))
		w.again("cold").Pulled(&registry.Manifest{Digest: warm})
		w.WritePulls()
		w.clock.advance(29 * day)
		w.again("cold").Pulled(&registry.Manifest{Digest: warm})
		w.WritePulls()
		if run := w.due(); run == nil || run.Archived+run.Expired != 0 {
			t.Fatalf("%+v", run)
		}
		w.clock.advance(61 * day)
		if run := w.due(); run == nil || run.Archived != 1 || run.Expired != 1 {
			t.Fatalf("%+v", run)
		}
		w.holds(r, warm)
		var records []string
		w.ok(w.log.Find(w.Context(), audit.Filter{Action: "ecr:PolicyExecutionEvent", Account: vendor}, func(r *audit.Record) error {
			records = append(records, fmt.Sprintf("%s %s by %s", r.Tag, r.Statement, r.Principal))
			return nil
		}))
		slices.Sort(records)
		const by = " by ecr.amazonaws.com"
		if want := []string{" rule 1: transition" + by, " rule 2: expire" + by, "cold rule 1: transition" + by, "cold rule 2: expire" + by, "warm rule 1: transition" + by}; !slices.Equal(records, want) {
			t.Errorf("recorded was %q", records)
		}
		_, err := r.Restore(w.Context(), registry.Reference{Tag: "cold"})
		w.ok(err)
		w.expect(w.statuses(r, cold, sbom, warm), "ARCH ARCH ARCH ")
		w.unpullable(r, registry.Reference{Tag: "cold"})
		// What came back from the archive counts its days from then.
		_, err = r.Activate(w.Context(), registry.Reference{Digest: cold})
		w.ok(err)
		w.clock.advance(10 * day)
		if run := w.due(); run == nil || run.Archived+run.Expired != 0 {
			t.Fatalf("%+v", run)
		}
		w.there(r, cold)
		_, err = r.Restore(w.Context(), registry.Reference{Tag: "cold"})
		w.refused(err, fault.ImageNotFound, "")
	})
}
