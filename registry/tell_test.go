package registry_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/event"
)

// events are the events since the last call, in the order of their names: "Image PUSH v1 0a1b2c3d4".
func (w *world) events(after *int64) string {
	w.Helper()
	o, err := event.Open(w.Context(), w.db)
	w.ok(err)
	list, err := o.Read(w.Context(), *after, 10_000)
	w.ok(err)
	var told []string
	for _, e := range list {
		*after = max(*after, e.ID)
		if e.Source != "aws.ecr" || e.Account != vendor || e.Region != region || e.Resources == nil || len(e.Resources) != 0 {
			w.Fatalf("%+v", e)
		}
		var d map[string]string
		w.ok(json.Unmarshal(e.Detail, &d))
		kind, _ := strings.CutSuffix(strings.TrimPrefix(e.DetailType, "ECR "), " Action")
		told = append(told, fmt.Sprintf("%s %s %s %s", kind, d["action-type"], d["image-tag"], oci.Digest(d["image-digest"]).Hex()[:9]))
	}
	slices.Sort(told)
	return strings.Join(told, "\n")
}

// EVT-3, EVT-4, EVT-10: every push that stores something, every tag that goes and every image that goes without one is told, in the transaction in which it
// happens, referrers as such; what changes nothing or is refused is not.
func TestEvents(t *testing.T) {
	each(t, func(w *world) {
		var after int64
		r := w.repo("events", immutable("IMMUTABLE"))
		expect := func(lines ...string) {
			w.Helper()
			slices.Sort(lines)
			w.clock.advance(1e9) // those of one millisecond have no order
			if got := w.events(&after); got != strings.Join(lines, "\n") {
				w.Fatalf("got\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
			}
		}
		line := func(kind, action, tag string, d oci.Digest) string {
			return fmt.Sprintf("%s %s %s %s", kind, action, tag, d.Hex()[:9])
		}
		body := w.manifest(r)
		a := w.image(r, "v1", body)
		w.image(r, "v1", body)
		w.image(r, "", body)
		expect(line("Image", "PUSH", "v1", a))
		w.image(r, "v2", body)
		expect(line("Image", "PUSH", "v2", a))
		other := w.manifest(r)
		if _, err := r.PutImage(w.Context(), registry.PutImage{Body: other, Tag: "v1"}); err == nil {
			w.Fatal("an immutable tag moved")
		}
		expect()
		b := w.image(r, "", other)
		sbom := w.image(r, "", w.manifest(r, subject(a)))
		named := w.image(r, "sig", w.manifest(r, subject(sbom)))
		expect(line("Image", "PUSH", "", b), line("Referrer", "PUSH", "", sbom), line("Referrer", "PUSH", "sig", named))
		// By tag; then all that is left by digest, with its referrers; then one that has no tag.
		w.remove(r, registry.Reference{Tag: "v2"}, registry.Reference{Tag: "v9"})
		expect(line("Image", "DELETE", "v2", a))
		w.image(r, "v3", body)
		expect(line("Image", "PUSH", "v3", a))
		w.remove(r, registry.Reference{Digest: a})
		expect(line("Image", "DELETE", "v1", a), line("Image", "DELETE", "v3", a), line("Referrer", "DELETE", "", sbom), line("Referrer", "DELETE", "sig", named))
		w.remove(r, registry.Reference{Digest: b})
		expect(line("Image", "DELETE", "", b))
		// The last tag of a child of an index goes, the child stays; the last tag of another image takes it along: one event each.
		c := w.pushed(r, "child")
		i := w.image(r, "index", w.index(r, c))
		expect(line("Image", "PUSH", "child", c), line("Image", "PUSH", "index", i))
		w.remove(r, registry.Reference{Tag: "child"}, registry.Reference{Tag: "index"})
		expect(line("Image", "DELETE", "child", c), line("Image", "DELETE", "index", i))
		// The end of a repository is not told image by image.
		w.ok(r.Delete(w.Context(), true))
		expect()
	})
}

// EVT-3: the detail of a push, as rules match it.
func TestPushEvent(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("team/api")
		d := w.pushed(r, "1.4.0")
		o, err := event.Open(w.Context(), w.db)
		w.ok(err)
		list, err := o.Read(w.Context(), 0, 10)
		w.ok(err)
		want := `{"result":"SUCCESS","repository-name":"team/api","image-digest":"` + string(d) + `","action-type":"PUSH","image-tag":"1.4.0",` +
			`"manifest-media-type":"application/vnd.oci.image.manifest.v1+json","artifact-media-type":"application/vnd.oci.image.config.v1+json"}`
		if len(list) != 1 || list[0].DetailType != "ECR Image Action" || string(list[0].Detail) != want {
			t.Errorf("got %+v", list)
		}
		if n, err := w.ExpireEvents(w.Context()); err != nil || n != 0 {
			t.Errorf("%d events went, %v", n, err)
		}
		w.clock.advance(25 * 3600e9)
		if n, err := w.ExpireEvents(w.Context()); err != nil || n != 1 {
			t.Errorf("%d events went, %v", n, err)
		}
	})
}
