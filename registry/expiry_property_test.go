package registry_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// shelf is a repository as a lifecycle policy finds it, written down in the simplest way.
type shelf struct {
	images map[oci.Digest]*shelved
	order  []oci.Digest    // of pushes
	safe   map[string]bool // tags and digests that are locked or in use
	grace  time.Duration
	pulled time.Duration
	now    time.Time
}

type shelved struct {
	registry.Image
	body      []byte
	children  []oci.Digest
	referrers []oci.Digest
}

// protected says whether a lock, a report, its age or a pull keeps this image.
func (s *shelf) protected(i *shelved) bool {
	return s.safe[string(i.Digest)] || slices.ContainsFunc(i.Tags, func(tag string) bool { return s.safe[tag] }) ||
		s.now.Sub(i.PushedAt) < s.grace || !i.LastPull.IsZero() && s.now.Sub(i.LastPull) < s.pulled
}

func (s *shelf) parents(d oci.Digest) (list []oci.Digest) {
	for parent, i := range s.images {
		if slices.Contains(i.children, d) {
			list = append(list, parent)
		}
	}
	return list
}

// with are an image and what goes with it: untagged children and referrers, that nothing else keeps.
func (s *shelf) with(image oci.Digest, keeps func(oci.Digest) bool) map[oci.Digest]bool {
	in := map[oci.Digest]bool{image: true}
	for more := true; more; {
		more = false
		for d, i := range s.images {
			child := len(i.Tags) == 0 && slices.ContainsFunc(s.parents(d), func(p oci.Digest) bool { return in[p] })
			kept := slices.ContainsFunc(append(s.parents(d), i.Subject), func(k oci.Digest) bool { return s.images[k] != nil && !in[k] && keeps(k) })
			if !in[d] && (child || in[i.Subject]) && !kept {
				in[d], more = true, true
			}
		}
	}
	return in
}

func (s *shelf) expire(image oci.Digest) {
	for d := range s.with(image, func(oci.Digest) bool { return true }) {
		delete(s.images, d)
	}
}

func (s *shelf) archive(image oci.Digest) {
	for d := range s.with(image, func(k oci.Digest) bool { return s.images[k].Status != registry.Archived }) {
		archived := *s.images[d]
		archived.Status, s.images[d] = registry.Archived, &archived
	}
}

// read is the shelf of a repository at this moment.
func read(w *world, t *rapid.T, r *registry.Repo, bodies map[oci.Digest][]byte) map[oci.Digest]*shelved {
	list, next, err := r.Images(w.Context(), registry.ImageFilter{}, "", 100)
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	images := map[oci.Digest]*shelved{}
	subjects := map[oci.Digest]bool{}
	for _, i := range list {
		subjects[i.Subject] = true
	}
	for _, i := range list {
		m, err := oci.ParseManifest(bodies[i.Digest], "")
		if err != nil {
			t.Fatal(err)
		}
		s := &shelved{Image: i, body: bodies[i.Digest]}
		for _, c := range m.Children {
			s.children = append(s.children, c.Digest)
		}
		if i.Status == registry.Active {
			got, err := r.Manifest(w.Context(), registry.Reference{Digest: i.Digest})
			if err != nil || string(got.Body) != string(s.body) {
				t.Fatalf("%s is not what was pushed: %v", i.Digest, err)
			}
		}
		if subjects[i.Digest] {
			found, _, err := r.Referrers(w.Context(), i.Digest, nil, "", "", 100)
			if err != nil || len(found) == 0 {
				t.Fatalf("%s has the referrers %v, %v", i.Digest, found, err)
			}
			for _, f := range found {
				s.referrers = append(s.referrers, f.Digest)
			}
		}
		images[i.Digest] = s
	}
	return images
}

// own counts the images of which rules are asked: what refers to an image and what an index lists has no say of its own.
func (s *shelf) own() (n int) {
	for d, i := range s.images {
		if s.images[i.Subject] == nil && (len(i.Tags) > 0 || len(s.parents(d)) == 0) {
			n++
		}
	}
	return n
}

// drawPolicy is a policy that is valid: a rule that would make it invalid is left out.
func drawPolicy(t *rapid.T) string {
	var kept []string
	text := func(rules []string) string { return `{"rules":[` + strings.Join(rules, ",") + `]}` }
	for n := range 6 {
		status := rapid.SampledFrom([]string{
			`"tagStatus":"untagged"`, `"tagStatus":"any"`, `"tagStatus":"tagged","tagPrefixList":["a"]`, `"tagStatus":"tagged","tagPrefixList":["a","b"]`,
			`"tagStatus":"tagged","tagPatternList":["*1"]`, `"tagStatus":"tagged","tagPatternList":["b*","*2"]`,
		}).Draw(t, "which")
		number := rapid.IntRange(1, 4).Draw(t, "number")
		action, class, unit := `"expire"`, "standard", `,"countUnit":"days"`
		count := rapid.SampledFrom([]string{"imageCountMoreThan", "imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"}).Draw(t, "count")
		switch {
		case count == "sinceImageTransitioned":
			class, number = "archive", 90+number
		case count == "sinceImagePulled" || rapid.IntRange(0, 3).Draw(t, "archive") == 0:
			action = `"transition","targetStorageClass":"archive"`
		}
		if count == "imageCountMoreThan" {
			unit = ""
		}
		rule := fmt.Sprintf(`{"rulePriority":%d,"selection":{%s,"storageClass":"%s","countType":"%s"%s,"countNumber":%d},"action":{"type":%s}}`, n+1, status, class, count, unit, number, action)
		if _, err := lifecycle.Parse([]byte(text(append(slices.Clone(kept), rule)))); err == nil {
			kept = append(kept, rule)
		}
	}
	return text(kept)
}

// H86, H87: whatever a repository holds and a policy says, the stored preview and the forecast list what the run then does; what goes with it is what
// docs/decisions/children-go-with-their-index.md says; nothing that is protected goes, no child of an index that stays, nothing that refers to an image that stays;
// and what went can be brought back as it was, in any order.
func TestLifecycleProperty(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/berth.db", t.TempDir(), keepWeek)
	// A check is the whole life of a repository; fewer than rapid's 100 find what there was to find.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		w.ok(checks.Value.Set("50"))
		defer checks.Value.Set(checks.DefValue)
	}
	count := 0
	rapid.Check(t, func(t *rapid.T) {
		count++
		name := fmt.Sprintf("property/r%d", count)
		r := w.repo(name)
		ctx := w.Context()
		do := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		s := &shelf{safe: map[string]bool{}}
		bodies := map[oci.Digest][]byte{}
		days := rapid.IntRange(0, 2)
		some := func(label string) oci.Digest { return rapid.SampledFrom(s.order).Draw(t, label) }
		for n := range rapid.IntRange(1, 9).Draw(t, "images") {
			manifest := map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "annotations": map[string]string{"name": name, "n": fmt.Sprint(n)}}
			list := []any{}
			if n > 0 {
				for range max(0, rapid.IntRange(-2, 3).Draw(t, "children")) {
					list = append(list, describe(oci.MediaTypeImageIndex, bodies[some("child")]))
				}
				if rapid.IntRange(0, 2).Draw(t, "refers") == 0 {
					manifest["subject"] = describe(oci.MediaTypeImageIndex, bodies[some("subject")])
				}
			}
			manifest["manifests"] = list
			body := encode(manifest)
			tag := rapid.SampledFrom([]string{"", "", "a1", "a2", "b1", "b2", "c"}).Draw(t, "tag")
			stored, err := r.PutImage(ctx, registry.PutImage{Body: body, Tag: tag})
			do(err)
			bodies[stored.Digest], s.order = body, append(s.order, stored.Digest)
			w.clock.advance(time.Duration(days.Draw(t, "days")) * day)
		}
		for range rapid.IntRange(0, 3).Draw(t, "events") {
			d := some("image")
			switch rapid.IntRange(0, 3).Draw(t, "event") {
			case 0:
				tag := rapid.SampledFrom([]string{"a3", "b3"}).Draw(t, "tag")
				_, err := r.PutImage(ctx, registry.PutImage{Body: bodies[d], Tag: tag})
				do(err)
			case 1:
				if _, err := r.Archive(ctx, registry.Reference{Digest: d}); fault.As(err) == nil {
					do(err)
				}
			case 2:
				if _, err := r.Activate(ctx, registry.Reference{Digest: d}); fault.As(err) == nil {
					do(err)
				}
			case 3:
				w.again(name).Pulled(&registry.Manifest{Digest: d})
				w.WritePulls()
			}
			w.clock.advance(time.Duration(days.Draw(t, "days")) * day)
		}
		if rapid.IntRange(0, 3).Draw(t, "long after") == 0 {
			w.clock.advance(92 * day)
		}
		s.images = read(w, t, r, bodies)
		for range max(0, rapid.IntRange(-3, 2).Draw(t, "safe")) {
			d := some("safe")
			id, reference := registry.Reference{Digest: d}, string(d)
			if tags := s.images[d].Tags; len(tags) > 0 && rapid.Bool().Draw(t, "by tag") {
				id, reference = registry.Reference{Tag: tags[0]}, vendor+".dkr.ecr."+region+".amazonaws.com/"+name+":"+tags[0]
			}
			if rapid.Bool().Draw(t, "lock") {
				if _, err := r.LockImage(ctx, id, "kept"); fault.As(err) == nil { // it may be locked already
					do(err)
				}
			} else {
				taken, _, err := w.PutInventory(w.root(vendor), registry.Report{Source: fmt.Sprintf("%s/%d", name, len(s.safe)), Keep: 12 * time.Hour, References: []string{reference}})
				if do(err); taken != 1 {
					t.Fatalf("%s is not of this registry", reference)
				}
			}
			s.safe[string(id.Digest)+id.Tag] = true
		}
		if s.grace = time.Duration(max(0, rapid.IntRange(-3, 3).Draw(t, "grace"))) * day; s.grace > 0 {
			s.grace -= day / 2
		}
		if s.pulled = time.Duration(max(0, rapid.IntRange(-3, 3).Draw(t, "pulled"))) * day; s.pulled > 0 {
			s.pulled -= day / 2
		}
		do(w.protect(registry.LifecycleProtection{Grace: s.grace, Pulled: s.pulled}))

		do(r.SetLifecycle(ctx, drawPolicy(t)))
		defer r.DeleteLifecycle(ctx) // of one repository at a time it is its turn
		w.clock.advance(time.Minute)
		_, err := r.StartLifecyclePreview(ctx, "")
		do(err)
		_, err = w.RunLifecyclePreview(ctx)
		do(err)
		preview, _, err := r.LifecyclePreview(ctx, registry.PreviewFilter{}, "", 100)
		do(err)
		forecast, _, err := r.Forecast(ctx, "", time.Time{}, "", 100)
		do(err)
		run, err := w.RunLifecycle(ctx)
		if do(err); run == nil || run.Name != name {
			t.Fatalf("run was %+v", run)
		}
		s.now = w.clock.Now()
		before := maps.Clone(s.images)

		// The two previews say the same, and the run the same numbers.
		var told []string
		for _, i := range forecast.List {
			if i.Action != "keep" {
				told = append(told, fmt.Sprintf("%s %s by %d", i.Action, i.Digest, i.Rule))
			}
			if i.Action != "keep" && s.protected(s.images[i.Digest]) {
				t.Errorf("%s is protected and is to go", i.Digest)
			}
			if at := s.images[i.Digest]; at == nil || !slices.Equal(at.Tags, i.Tags) {
				t.Errorf("%+v is told of, %+v is there", i, at)
			}
			switch i.Protected {
			case "", "index", "subject":
			default:
				mayGo := s.with(i.Digest, func(oci.Digest) bool { return false })
				if !slices.ContainsFunc(slices.Collect(maps.Keys(mayGo)), func(d oci.Digest) bool { return s.protected(s.images[d]) }) {
					t.Errorf("nothing protects %s, but told was: %s", i.Digest, i.Reason)
				}
			}
		}
		var shown []string
		for _, i := range slices.Backward(preview.Results) {
			shown = append(shown, fmt.Sprintf("%s %s by %d", map[lifecycle.Action]string{lifecycle.Expire: "expire", lifecycle.Transition: "archive"}[i.Action], i.Digest, i.Rule))
		}
		if !slices.Equal(told, shown) || forecast.Images != s.own() {
			t.Fatalf("the forecast of %d images says\n%s\nand the preview\n%s", forecast.Images, strings.Join(told, "\n"), strings.Join(shown, "\n"))
		}
		protected := 0
		for _, n := range forecast.Kept {
			protected += n
		}
		if run.Expired != preview.Expiring || run.Archived != preview.Transitioning || run.Kept != protected || run.Ended || forecast.Expired != run.Expired || forecast.Archived != run.Archived {
			t.Fatalf("run was %+v; the preview says %d and %d, the forecast %+v", run, preview.Expiring, preview.Transitioning, forecast)
		}
		// What is left is what the lists say, with what goes with it.
		for _, i := range preview.Results { // the oldest first
			if i.Action == lifecycle.Expire {
				s.expire(i.Digest)
			} else {
				s.archive(i.Digest)
			}
		}
		after := read(w, t, r, bodies)
		for d, i := range before {
			is, want := after[d], s.images[d]
			switch {
			case is == nil != (want == nil):
				t.Errorf("%s: it is there: %v, which is wrong", d, is != nil)
			case is == nil:
				if s.protected(i) {
					t.Errorf("%s was protected and went", d)
				}
				if before[i.Subject] != nil && after[i.Subject] != nil {
					t.Errorf("%s went, and the image that it refers to stays", d)
				}
			case is.Status != want.Status || !slices.Equal(is.Tags, i.Tags) || !is.PushedAt.Equal(i.PushedAt):
				t.Errorf("is %+v, want %+v", is.Image, want.Image)
			default:
				for _, c := range i.children {
					if before[c] != nil && after[c] == nil {
						t.Errorf("%s went, and the index %s stays", c, d)
					}
				}
			}
		}
		// Everything comes back, in any order.
		for n := 0; ; n++ {
			list, _, err := r.RemovedImages(ctx, "", 100)
			do(err)
			if len(list) == 0 {
				break
			}
			if n > 100 {
				t.Fatal("there is no end of what was removed")
			}
			b, err := r.Restore(ctx, registry.Reference{Digest: rapid.SampledFrom(list).Draw(t, "restored").Digest})
			if do(err); len(b.Elsewhere) > 0 {
				t.Errorf("%+v", b)
			}
		}
		again := read(w, t, r, bodies)
		untagged := false
		without, _, err := r.Images(ctx, registry.ImageFilter{Tagged: &untagged}, "", 100)
		do(err)
		for _, i := range without {
			if len(again[i.Digest].Tags) > 0 {
				t.Errorf("%s is listed as untagged", i.Digest)
			}
		}
		for d, was := range before {
			is := again[d]
			if is == nil {
				t.Fatalf("%s did not come back", d)
			}
			if after[d] == nil && (!same(was.Image, is.Image) || was.LastPuller != is.LastPuller) || !slices.Equal(was.referrers, is.referrers) {
				t.Errorf("%s came back as\n%+v, was\n%+v", d, is, was)
			}
		}
	})
}
