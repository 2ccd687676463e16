package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// forecast reads all pages, and answers what is said of each image with a tag, by its first one.
func (w *world) forecast(r *registry.Repo, text string, at time.Time, limit int) (*registry.Forecast, []string) {
	w.Helper()
	var first *registry.Forecast
	var list []string
	for after := ""; ; {
		f, next, err := r.Forecast(w.Context(), text, at, after, limit)
		w.ok(err)
		if len(f.List) == 0 || len(f.List) > limit {
			w.Fatalf("a page has %d images", len(f.List))
		}
		if first == nil {
			first = f
		}
		for _, i := range f.List {
			if len(i.Tags) > 0 {
				list = append(list, fmt.Sprintf("%s %s by %d", i.Tags[0], i.Action, i.Rule))
			}
		}
		if after = next; next == "" {
			return first, list
		}
		if !strings.Contains(next, `"Counts"`) { // with them it goes on where this page ends
			w.Errorf("the page after this one begins with the newest image: %s", next)
		}
	}
}

const coldThenGone = `{"rules":[
 {"rulePriority":1,"selection":{"tagStatus":"tagged","tagPrefixList":["v"],"countType":"sinceImagePushed","countUnit":"days","countNumber":10},"action":{"type":"expire"}},
 {"rulePriority":2,"selection":{"tagStatus":"tagged","tagPrefixList":["n"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},
 {"rulePriority":3,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":20},"action":{"type":"transition","targetStorageClass":"archive"}},
 {"rulePriority":4,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90},"action":{"type":"expire"}}]}`

// A forecast says what will be there on a day if the policy is carried out until then, not what one run on that day would do (LC-18, LC-21): parts of an index with names
// go when it is gone, and what is archived goes from the archive. Daily runs then do just that.
func TestForecastIsWhatTheRunsDo(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/berth.db", t.TempDir(), registry.Options{})
	r := w.repo("forecast")
	amd, arm := w.pushed(r, "v1-amd64"), w.pushed(r, "")
	w.image(r, "", w.manifest(r, subject(w.image(r, "v1", w.index(r, amd, arm)))))
	w.pushed(r, "cold")
	w.pushed(r, "n1")
	newest := w.pushed(r, "n2")
	locked := w.pushed(r, "v-locked")
	_, err := r.LockImage(w.root(vendor), registry.Reference{Digest: locked}, "a customer runs it")
	w.ok(err)
	w.clock.advance(5 * day)
	w.pushed(r, "late")
	w.pushed(r, "v2")
	w.ok(w.protect(registry.LifecycleProtection{Grace: 7 * day}))
	w.ok(r.SetLifecycle(w.root(vendor), coldThenGone))
	start := w.clock.Now()

	type expected struct {
		after int // days
		said  []string
		there []string
	}
	var days []expected
	for _, after := range []int{1, 8, 14, 22, 113, 122} {
		at := start.Add(time.Duration(after)*day + 12*time.Hour)
		f, said := w.forecast(r, coldThenGone, at, 100)
		if f.Images != 8 {
			t.Errorf("%+v", f)
		}
		for _, limit := range []int{1, 3, 10} {
			if _, paged := w.forecast(r, "", at, limit); !slices.Equal(paged, said) {
				t.Errorf("after %d days, in pages of %d:\n%s\nat once:\n%s", after, limit, strings.Join(paged, "\n"), strings.Join(said, "\n"))
			}
		}
		e := expected{after: after, said: said}
		for _, s := range said {
			tag, rest, _ := strings.Cut(s, " ")
			switch {
			case strings.HasPrefix(rest, "keep"):
				e.there = append(e.there, tag+" ACTIVE")
			case strings.HasPrefix(rest, "archive"):
				e.there = append(e.there, tag+" ARCHIVED")
			}
		}
		slices.Sort(e.there)
		days = append(days, e)
	}
	for now := 0; len(days) > 0; now++ {
		w.due()
		if now == days[0].after {
			var there []string
			images, _, err := r.Images(w.Context(), registry.ImageFilter{}, "", 100)
			w.ok(err)
			for _, i := range images {
				if len(i.Tags) > 0 {
					there = append(there, fmt.Sprintf("%s %s", i.Tags[0], i.Status))
				}
			}
			slices.Sort(there)
			if !slices.Equal(there, days[0].there) {
				t.Errorf("after %d days there are\n%s\nbut said was\n%s", now, strings.Join(there, "\n"), strings.Join(days[0].said, "\n"))
			}
			days = days[1:]
		}
		w.clock.advance(day - time.Minute)
	}
	w.holds(r, locked, newest)
}

// What keeps an image is asked of each part of each index: SQLite looks up those that list it, and does not read every image that is newer, with which a preview of 3,000
// images took 20 s.
func TestKeepersAreLookedUp(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
	w.ok(w.db.View(t.Context(), func(tx *sql.Tx) error {
		plan := ""
		err := tx.Rows(`EXPLAIN QUERY PLAN `+registry.NewerKeepers, sql.Args(1, "sha256:a", 1, "sha256:b"), func(row sql.Scanner) error {
			var id, parent, unused int
			var step string
			err := row.Scan(&id, &parent, &unused, &step)
			plan += step + "\n"
			return err
		})
		if !strings.Contains(plan, "SEARCH k USING INDEX sqlite_autoindex_manifest_1 (repository_id=? AND digest=?)") {
			t.Errorf("the plan is\n%s", plan)
		}
		return err
	}))
}

// The cursor of a page is of one policy: its counts mean nothing for another.
func TestForecastOfAnotherPolicy(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("forecast")
		for n := range 3 {
			w.pushed(r, fmt.Sprint("v", n))
		}
		_, next, err := r.Forecast(w.Context(), coldThenGone, time.Time{}, "", 2)
		w.ok(err)
		if next == "" {
			t.Fatal("there are no more pages")
		}
		_, _, err = r.Forecast(w.Context(), rules(anyOne), time.Time{}, next, 2)
		w.refused(err, fault.InvalidParameter, "was changed after the first page")
		f, next, err := r.Forecast(w.Context(), coldThenGone, time.Time{}, next, 2)
		w.ok(err)
		if len(f.List) != 1 || f.List[0].Tags[0] != "v0" || next != "" {
			t.Errorf("%+v, then %q", f.List, next)
		}
	})
}
