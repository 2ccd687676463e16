package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

const day = 24 * time.Hour

func rules(list ...string) string {
	for i, selection := range list {
		list[i] = fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":{"type":"expire"}}`, i+1, selection)
	}
	return `{"rules":[` + strings.Join(list, ",") + `]}`
}

const (
	anyOne      = `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1`
	untaggedDay = `"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1`
	onesThree   = `"tagStatus":"tagged","tagPrefixList":["1"],"countType":"imageCountMoreThan","countNumber":3`
)

// lifecycle sets a policy and runs it.
func (w *world) lifecycle(r *registry.Repo, text string) *registry.LifecycleRun {
	w.Helper()
	w.ok(r.SetLifecycle(w.root(vendor), text))
	return w.due()
}

// due lets a minute pass and runs what is due then.
func (w *world) due() *registry.LifecycleRun {
	w.Helper()
	w.clock.advance(time.Minute)
	run, err := w.RunLifecycle(w.Context())
	w.ok(err)
	return run
}

// all names every manifest of the repository.
func (w *world) all(r *registry.Repo) (list []oci.Digest) {
	w.Helper()
	images, next, err := r.Images(w.Context(), registry.ImageFilter{}, "", 100_000)
	w.ok(err)
	if next != "" {
		w.Fatal("there are more images")
	}
	for _, i := range images {
		list = append(list, i.Digest)
	}
	slices.Sort(list)
	return list
}

func (w *world) holds(r *registry.Repo, want ...oci.Digest) {
	w.Helper()
	slices.Sort(want)
	if got := w.all(r); !slices.Equal(got, want) {
		w.Fatalf("the repository holds %v, not %v", got, want)
	}
}

// LC-11, LC-23, LC-24, LC-33: a policy runs within a minute and then hourly; what it did is told, and recorded as done by the service.
func TestLifecycleRuns(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("lifecycle")
		var tagged []oci.Digest
		for i := range 5 {
			w.clock.advance(time.Minute)
			tagged = append(tagged, w.pushed(r, fmt.Sprintf("1.0.%d", i)))
		}
		untagged := w.pushed(r, "")
		w.clock.advance(2 * day)
		if run, err := w.RunLifecycle(w.Context()); run != nil || err != nil {
			t.Fatalf("%+v, %v", run, err)
		}
		_, err := r.Lifecycle(w.Context())
		w.refused(err, fault.LifecyclePolicyNotFound, "Lifecycle policy does not exist for the repository with name 'lifecycle' in the registry with id '111222333444'")
		text := rules(untaggedDay, onesThree)
		w.ok(r.SetLifecycle(w.root(vendor), text))
		if l, err := r.Lifecycle(w.Context()); err != nil || l.Text != text || l.Evaluated.Unix() != 0 {
			t.Fatalf("%+v, %v", l, err)
		}
		var after int64
		w.events(&after)
		began := w.clock.Now()
		run := w.due()
		if run == nil || run.Expired != 3 || run.Name != "lifecycle" || run.Kept != 0 {
			t.Fatalf("%+v", run)
		}
		w.holds(r, tagged[2:]...)
		l, err := r.Lifecycle(w.Context())
		w.ok(err)
		if !l.Evaluated.After(began) {
			t.Errorf("evaluated at %s", l.Evaluated)
		}
		var told []string
		for i, d := range []oci.Digest{tagged[0], tagged[1], untagged} {
			told = append(told, fmt.Sprintf("Image DELETE %s %s", []string{"1.0.0", "1.0.1", ""}[i], d.Hex()[:9]))
		}
		slices.Sort(told)
		if got := w.events(&after); got != strings.Join(told, "\n") {
			t.Errorf("told was\n%s", got)
		}
		var records []string
		var times []time.Time
		w.ok(w.log.Find(w.Context(), audit.Filter{Action: "ecr:PolicyExecutionEvent", Account: vendor}, func(r *audit.Record) error {
			if r.Principal != "ecr.amazonaws.com" || r.Resource != ref("lifecycle").ARN() || r.RequestID == "" {
				t.Errorf("%+v", r)
			}
			at, _ := slices.BinarySearchFunc(times, r.Time, time.Time.Compare)
			times, records = slices.Insert(times, at, r.Time), slices.Insert(records, at, fmt.Sprintf("%s %s %s", r.Tag, oci.Digest(r.Digest).Hex()[:9], r.Statement))
			return nil
		}))
		// The oldest first (LC-23).
		want := []string{"1.0.0 " + tagged[0].Hex()[:9] + " rule 2: expire", "1.0.1 " + tagged[1].Hex()[:9] + " rule 2: expire", " " + untagged.Hex()[:9] + " rule 1: expire"}
		if !slices.Equal(records, want) {
			t.Errorf("recorded was %q", records)
		}
		if run := w.due(); run != nil {
			t.Errorf("it ran again at once: %+v", run)
		}
		w.clock.advance(time.Hour)
		if run := w.due(); run == nil || run.Expired != 0 {
			t.Errorf("%+v", run)
		}
		// Without a policy nothing runs.
		was, err := r.DeleteLifecycle(w.root(vendor))
		w.ok(err)
		if was.Text != text {
			t.Errorf("deleted was %q", was.Text)
		}
		_, err = r.DeleteLifecycle(w.root(vendor))
		w.refused(err, fault.LifecyclePolicyNotFound, "")
		w.clock.advance(time.Hour)
		if run := w.due(); run != nil {
			t.Errorf("%+v", run)
		}
	})
}

// LC-21, LC-22: an index takes its children and what refers to it along, but for what has a name of its own or another index needs; what is part of an index that
// stays is not touched, whatever its tags.
func TestLifecycleOfGraphs(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("graph")
		amd, arm, shared, named := w.pushed(r, ""), w.pushed(r, ""), w.pushed(r, ""), w.pushed(r, "named")
		old := w.image(r, "old", w.index(r, amd, arm, shared, named))
		attestation := w.image(r, "", w.manifest(r, subject(amd)))
		signature := w.image(r, "", w.manifest(r, subject(old)))
		w.clock.advance(time.Minute)
		child := w.pushed(r, "")
		kept := w.image(r, "new", w.index(r, shared, child))
		sbom := w.image(r, "", w.manifest(r, subject(kept)))
		run := w.lifecycle(r, rules(`"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":1`, anyOne))
		// "named" is chosen by its age, and is part of an index as long as that is there.
		if run.Expired != 1 || run.Kept != 1 {
			t.Errorf("%+v", run)
		}
		w.holds(r, shared, named, child, kept, sbom)
		w.gone(r, amd)
		w.gone(r, arm)
		w.gone(r, attestation)
		w.gone(r, signature)
		w.clock.advance(time.Hour)
		if run = w.due(); run.Expired != 1 {
			t.Errorf("%+v", run)
		}
		w.holds(r, shared, child, kept, sbom)
	})
}

// Several nodes share the work, and one that died is replaced.
func TestLifecycleOnSeveralNodes(t *testing.T) {
	each(t, func(w *world) {
		other := w.open(t.TempDir(), registry.Options{})
		r := w.repo("shared")
		a, b := w.pushed(r, "a"), w.pushed(r, "b")
		w.ok(r.SetLifecycle(w.root(vendor), rules(anyOne)))
		w.clock.advance(time.Minute)
		// The first dies after it has taken its turn.
		w.ok(w.db.Write(t.Context(), registry.TakeLifecycleTurn(w.clock.Now())))
		if run, err := other.RunLifecycle(t.Context()); run != nil || err != nil {
			t.Fatalf("%+v, %v", run, err)
		}
		w.holds(r, a, b)
		w.clock.advance(10 * time.Minute)
		if run, err := other.RunLifecycle(t.Context()); run == nil || run.Expired != 1 || err != nil {
			t.Fatalf("%+v, %v", run, err)
		}
		w.holds(r, b)
	})
}

// H86: of indexes that share a protected child the youngest stays, as the preview says; and what signs an image that stays is there as long as that, also when an index
// that lists it goes or is archived.
func TestLifecycleOfSharedParts(t *testing.T) {
	each(t, func(w *world) {
		for _, action := range []string{`"expire"`, `"transition","targetStorageClass":"archive"`} {
			r := w.repo(fmt.Sprint("shared/", len(action)))
			child, signed := w.pushed(r, ""), w.pushed(r, "signed")
			signature := w.image(r, "", w.manifest(r, subject(signed)))
			old, young := w.image(r, "old", w.index(r, child)), w.image(r, "young", w.index(r, child, w.pushed(r, "part")))
			list := w.image(r, "list", w.index(r, signature))
			newest := w.pushed(r, "newest")
			for _, d := range []oci.Digest{child, signed} {
				_, err := r.LockImage(w.Context(), registry.Reference{Digest: d}, "evidence")
				w.ok(err)
			}
			w.ok(r.SetLifecycle(w.Context(), `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":`+action+`}}]}`))
			f, _, err := r.Forecast(w.Context(), "", time.Time{}, "", 10)
			w.ok(err)
			var chosen []oci.Digest
			for _, i := range f.List {
				if i.Action != "keep" {
					chosen = append(chosen, i.Digest)
				}
			}
			if !slices.Equal(chosen, []oci.Digest{list, old}) {
				t.Errorf("%v are to go: %+v", chosen, f.List)
			}
			if run := w.due(); run.Expired+run.Archived != 2 {
				t.Errorf("%+v", run)
			}
			w.expect(w.statuses(r, child, signed, signature, young, newest), "ACTI ACTI ACTI ACTI ACTI ")
			if action == `"expire"` {
				w.gone(r, old)
				w.gone(r, list)
			} else {
				w.expect(w.statuses(r, old, list), "ARCH ARCH ")
			}
		}
	})
}

// LC-20: of images that were pushed at the same time, which count as the newer ones is settled by their digests, so that every run and every preview says the same.
func TestLifecycleOfEqualTimes_LC20(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("equal")
		var all []oci.Digest
		for range 6 {
			all = append(all, w.pushed(r, ""))
		}
		w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE manifest SET pushed_at = $1`, sql.Micros(w.clock.Now()))
			return err
		}))
		slices.Sort(all)
		newest, _, err := r.Images(w.Context(), registry.ImageFilter{}, "", 10)
		w.ok(err)
		w.ok(r.SetLifecycle(w.root(vendor), rules(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":2`)))
		if run := w.due(); run == nil || run.Expired != 4 {
			t.Fatalf("%+v", run)
		}
		w.holds(r, newest[0].Digest, newest[1].Digest)
		if first := []oci.Digest{newest[1].Digest, newest[0].Digest}; !slices.Equal(first, all[4:]) {
			t.Errorf("the list begins with %v backwards, of %v", first, all)
		}
	})
}
