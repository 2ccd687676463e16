package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// draw writes a graph in one line: the name that the test gave each image, its purpose or platform, its children in brackets and its referrers in braces.
func draw(names map[oci.Digest]string, n *registry.ImageNode) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", names[n.Digest])
	if n.Purpose != "" {
		fmt.Fprintf(&b, ":%s", n.Purpose)
	}
	if n.Platform != "" {
		fmt.Fprintf(&b, ":%s", n.Platform)
	}
	all := func(open, end string, list []*registry.ImageNode) {
		if len(list) == 0 {
			return
		}
		var parts []string
		for _, n := range list {
			parts = append(parts, draw(names, n))
		}
		slices.Sort(parts)
		b.WriteString(open + strings.Join(parts, " ") + end)
	}
	all("[", "]", n.Children)
	all("{", "}", n.Referrers)
	return b.String()
}

func artifact(artifactType string) func(map[string]any) {
	return func(m map[string]any) { m["artifactType"] = artifactType }
}

// An index with its platforms, signatures, bills of materials and attestations is one thing.
func TestGraph(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		names := map[oci.Digest]string{}
		named := func(name string, d oci.Digest) oci.Digest {
			names[d] = name
			return d
		}
		amd, arm := named("amd", w.image(r, "", w.manifest(r))), named("arm", w.image(r, "arm", w.manifest(r)))
		provenance := named("provenance", w.image(r, "", w.manifest(r)))
		body := w.index(r, amd, arm, provenance)
		for d, more := range map[oci.Digest]string{
			amd: `"platform":{"os":"linux","architecture":"amd64"}`, arm: `"platform":{"os":"linux","architecture":"arm64","variant":"v8"}`,
			provenance: `"platform":{"os":"unknown","architecture":"unknown"},"annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"` + string(amd) + `"}`,
		} {
			body = []byte(strings.Replace(string(body), `"digest":"`+string(d)+`"`, `"digest":"`+string(d)+`",`+more, 1))
		}
		index := named("index", w.image(r, "1.0", body))
		w.image(r, "latest", body)
		signature := named("signature", w.image(r, "", w.manifest(r, subject(index), artifact(oci.NotarySignature))))
		named("countersignature", w.image(r, "", w.manifest(r, subject(signature), artifact(oci.NotarySignature))))
		named("sbom", w.image(r, "", w.manifest(r, subject(amd), artifact("application/spdx+json"))))
		named("cosign", w.image(r, strings.Replace(string(index), ":", "-", 1)+".sig", w.manifest(r)))
		plain := named("plain", w.image(r, "", w.manifest(r)))
		named("lost", w.image(r, "", w.manifest(r, subject(oci.FromBytes([]byte("gone"))), artifact("application/spdx+json"))))
		r = w.again("app")

		const whole = "index[amd:linux/amd64{provenance:attestation sbom:sbom} arm:linux/arm64/v8]{cosign:signature signature:signature{countersignature:signature}}"
		for _, ref := range []registry.Reference{{Tag: "1.0"}, {Digest: index}, {Tag: "latest", Digest: index}} {
			n, err := r.Graph(w.Context(), ref)
			w.ok(err)
			if got := draw(names, n); got != whole || n.More || fmt.Sprint(n.Tags) != "[1.0 latest]" || n.PushedAt.IsZero() || n.Size == 0 {
				t.Errorf("%v: %s %+v", ref, got, n.Image)
			}
		}
		_, err := r.LockImage(w.Context(), registry.Reference{Tag: "1.0"}, "in production")
		w.ok(err)
		_, err = r.LockImage(w.Context(), registry.Reference{Digest: arm}, "under examination")
		w.ok(err)
		n, err := r.Graph(w.Context(), registry.Reference{Tag: "latest"})
		w.ok(err)
		if len(n.Locks) != 1 || n.Locks[0].Target != "1.0" || n.Locks[0].Reason != "in production" || n.Locks[0].At.IsZero() {
			t.Errorf("locks of the index: %v", n.Locks)
		}
		for _, c := range n.Children {
			if locked := len(c.Locks) == 1 && c.Locks[0].Reason == "under examination"; locked != (c.Digest == arm) {
				t.Errorf("locks of %s: %v", names[c.Digest], c.Locks)
			}
		}
		n, err = r.Graph(w.Context(), registry.Reference{Digest: amd})
		w.ok(err)
		if got := draw(names, n); got != "amd{sbom:sbom}" {
			t.Error(got)
		}
		for _, ref := range []registry.Reference{{Tag: "2.0"}, {Digest: oci.FromBytes([]byte("x"))}, {Tag: "1.0", Digest: plain}} {
			_, err := r.Graph(w.Context(), ref)
			w.refused(err, fault.ImageNotFound, "does not exist within the repository with name 'app'")
		}
		// A list tells each image once: those with a name, and those that nothing leads to.
		for _, size := range []int{1, 2, 10} {
			var got []string
			after := ""
			for {
				list, next, err := r.Graphs(w.Context(), after, size)
				w.ok(err)
				for _, n := range list {
					got = append(got, draw(names, n))
				}
				if after = next; after == "" {
					break
				}
			}
			if want := "lost:sbom|plain|" + whole + "|arm"; strings.Join(got, "|") != want {
				t.Errorf("in pages of %d:\n got %s\nwant %s", size, strings.Join(got, "|"), want)
			}
		}
	})
}

// Whoever pushes long chains of referrers makes no answer large.
func TestGraphIsBounded(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{})
	r := w.repo("app")
	image := w.pushed(r, "1")
	config := w.push(r, []byte("{}"))
	for i := range 2100 {
		body := encode(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest, "artifactType": "a/b", "layers": []any{},
			"annotations": map[string]string{"n": fmt.Sprint(i)}, "subject": map[string]any{"mediaType": oci.MediaTypeImageManifest, "digest": image, "size": 100},
			"config": map[string]any{"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2}})
		w.image(r, "", body)
	}
	n, err := r.Graph(w.Context(), registry.Reference{Tag: "1"})
	w.ok(err)
	if len(n.Referrers) != 2000 || !n.More {
		t.Errorf("%d referrers, more: %v", len(n.Referrers), n.More)
	}
}
