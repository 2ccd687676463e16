package registry_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// remove deletes and tells what was answered, failures as their code.
func (w *world) remove(r *registry.Repo, ids ...registry.Reference) string {
	w.Helper()
	removed, failures, err := r.DeleteImages(w.Context(), ids)
	w.ok(err)
	s := ""
	for _, i := range removed {
		s += fmt.Sprintf("%.9s:%s ", i.Digest.Hex(), i.Tag)
	}
	for _, f := range failures {
		s += f.Code + " "
	}
	return s
}

func (w *world) gone(r *registry.Repo, d oci.Digest) {
	w.Helper()
	_, err := r.Manifest(w.Context(), registry.Reference{Digest: d})
	w.refused(err, fault.ImageNotFound, "Requested image not found")
}

func (w *world) there(r *registry.Repo, d oci.Digest) {
	w.Helper()
	_, err := r.Manifest(w.Context(), registry.Reference{Digest: d})
	w.ok(err)
}

// API-72, API-73, H46, H48, H50: by tag, by digest, by both, of indexes, children and referrers; immutability does not stop it.
func TestDelete(t *testing.T) {
	each(t, func(w *world) {
		for _, mode := range []string{"MUTABLE", "IMMUTABLE"} {
			r := w.repo("delete-"+map[string]string{"MUTABLE": "m", "IMMUTABLE": "i"}[mode], immutable(mode))
			short := func(d oci.Digest) string { return d.Hex()[:9] }
			expect := func(got, want string) {
				w.Helper()
				if got != want {
					w.Fatalf("%s: got %q, want %q", mode, got, want)
				}
			}
			body := w.manifest(r)
			a := w.image(r, "v1", body)
			w.image(r, "v2", body)
			// One tag of two: the image stays. The last one: it goes.
			expect(w.remove(r, registry.Reference{Tag: "v1"}), short(a)+":v1 ")
			w.there(r, a)
			expect(w.remove(r, registry.Reference{Tag: "v2"}, registry.Reference{Tag: "v2"}), short(a)+":v2 ImageNotFound ")
			w.gone(r, a)
			// By digest: with all its tags.
			a = w.image(r, "v1", body)
			w.image(r, "v2", body)
			other := w.pushed(r, "other")
			expect(w.remove(r, registry.Reference{Tag: "v1", Digest: other}), "ImageTagDoesNotMatchDigest ")
			expect(w.remove(r, registry.Reference{Digest: a}), short(a)+":v1 "+short(a)+":v2 ")
			w.gone(r, a)
			_, err := r.Manifest(w.Context(), registry.Reference{Tag: "v1"})
			w.refused(err, fault.ImageNotFound, "")
			// By both: the tag alone.
			a = w.image(r, "v1", body)
			w.image(r, "v2", body)
			expect(w.remove(r, registry.Reference{Tag: "v1", Digest: a}), short(a)+":v1 ")
			w.there(r, a)
			// Neither, and what is not there.
			expect(w.remove(r, registry.Reference{}, registry.Reference{Tag: "none"}, registry.Reference{Digest: oci.FromBytes(nil)}), "MissingDigestAndTag ImageNotFound ImageNotFound ")

			// The child of an index stays, even when its last tag goes; without the index it is an image as any other.
			child := w.pushed(r, "child")
			inner := w.image(r, "inner", w.index(r, child, a))
			outer := w.image(r, "outer", w.index(r, inner))
			expect(w.remove(r, registry.Reference{Digest: child}), "ImageReferencedByManifestList ")
			expect(w.remove(r, registry.Reference{Digest: inner}), "ImageReferencedByManifestList ")
			expect(w.remove(r, registry.Reference{Tag: "child"}), short(child)+":child ")
			w.there(r, child)
			expect(w.remove(r, registry.Reference{Digest: inner}, registry.Reference{Digest: outer}), short(outer)+":outer ImageReferencedByManifestList ") // the order matters
			expect(w.remove(r, registry.Reference{Tag: "inner"}), short(inner)+":inner ")
			w.gone(r, inner)
			w.there(r, child)
			expect(w.remove(r, registry.Reference{Digest: child}), short(child)+": ")

			// What refers to an image goes with it, and what refers to that, but not what an index needs.
			sbom := w.image(r, "", w.manifest(r, subject(a)))
			signature := w.image(r, "sig", w.manifest(r, subject(sbom)))
			needed := w.image(r, "", w.manifest(r, subject(a)))
			index := w.image(r, "", w.index(r, needed))
			expect(w.remove(r, registry.Reference{Digest: a}), short(a)+":v2 ")
			for _, d := range []oci.Digest{a, sbom, signature} {
				w.gone(r, d)
			}
			w.there(r, needed)
			expect(w.remove(r, registry.Reference{Digest: index}, registry.Reference{Digest: needed}, registry.Reference{Tag: "other"}),
				short(index)+": "+short(needed)+": "+short(other)+":other ")
			w.ok(r.Delete(w.Context(), false)) // it is empty
		}
	})
}

// H44: a long chain of referrers, and an index with one child very often.
func TestDeepStructures(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("deep")
		first := w.pushed(r, "first")
		last := first
		template := w.manifest(r)
		for range 150 {
			body := append([]byte(`{"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"`+string(last)+`","size":1},`), template[1:]...)
			last = w.image(r, "", body)
		}
		many := make([]oci.Digest, 3000)
		for i := range many {
			many[i] = first
		}
		index := w.image(r, "", w.index(r, many...))
		if got := w.remove(r, registry.Reference{Digest: first}); got != "ImageReferencedByManifestList " {
			w.Fatal(got)
		}
		w.remove(r, registry.Reference{Digest: index})
		w.remove(r, registry.Reference{Digest: first})
		w.gone(r, last)
		w.ok(r.Delete(w.Context(), false))
	})
}

// all pages through a list.
func all[T any](w *world, limit int, page func(after string, limit int) ([]T, string, error)) (items []T) {
	w.Helper()
	for after := ""; ; {
		list, next, err := page(after, limit)
		w.ok(err)
		if len(list) > limit {
			w.Fatalf("%d items on a page of %d", len(list), limit)
		}
		items = append(items, list...)
		if next == "" {
			return items
		}
		after = next
	}
}

// API-10, API-11, API-50, HTTP-26: every image, tag and pair of both exactly once, with pages of any size that may end within an image, while others push
// and delete beside the pages.
func TestPages(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("pages")
		ctx := w.Context()
		var images []oci.Digest
		pairs := map[registry.ImageID]bool{}
		var tags []string
		for i := range 12 {
			body := w.manifest(r)
			d := oci.FromBytes(body)
			images = append(images, d)
			names := i % 5 // 0: untagged
			if i == 7 {
				names = 40
			}
			if names == 0 {
				w.image(r, "", body)
				pairs[registry.ImageID{Digest: d}] = true
			}
			for n := range names {
				tag := fmt.Sprintf("t%d_%d", i, n)
				w.image(r, tag, body)
				pairs[registry.ImageID{Digest: d, Tag: tag}] = true
				tags = append(tags, tag)
			}
		}
		slices.Reverse(images) // the last pushed first
		slices.Sort(tags)
		yes, no := true, false
		noise, left := 0, 0
		disturb := func() { // tags that sort around the others, on the image with very many, and images at the end of the time
			if left--; left < 0 {
				return
			}
			noise++
			m, err := r.Manifest(ctx, registry.Reference{Tag: "t7_0"})
			w.ok(err)
			w.image(r, fmt.Sprintf("noise%d", noise), m.Body)
			if noise%2 == 0 {
				w.remove(r, registry.Reference{Tag: fmt.Sprintf("noise%d", noise-1)})
			}
			w.pushed(r, fmt.Sprintf("noise-image%d", noise))
		}
		for limit := 1; limit <= 64; limit += 1 + limit/2 {
			left = 12
			ids := all(w, limit, func(after string, limit int) ([]registry.ImageID, string, error) {
				disturb()
				return r.ImageIDs(ctx, registry.ImageFilter{}, after, limit)
			})
			seen := map[registry.ImageID]int{}
			for _, id := range ids {
				seen[id]++
				if seen[id] > 1 {
					w.Fatalf("pages of %d: %v twice", limit, id)
				}
			}
			for id := range pairs {
				if seen[id] != 1 {
					w.Fatalf("pages of %d: %v is missing", limit, id)
				}
			}
			list := all(w, limit, func(after string, limit int) ([]registry.Image, string, error) {
				disturb()
				return r.Images(ctx, registry.ImageFilter{}, after, limit)
			})
			var digests []oci.Digest
			for _, i := range list {
				if slices.Contains(images, i.Digest) {
					digests = append(digests, i.Digest)
				}
			}
			if !slices.Equal(digests, images) {
				w.Fatalf("pages of %d: %v, want %v", limit, digests, images)
			}
			for filter, want := range map[*bool]int{&yes: len(tags), &no: len(pairs) - len(tags)} {
				n := 0
				for _, id := range all(w, limit, func(after string, limit int) ([]registry.ImageID, string, error) {
					return r.ImageIDs(ctx, registry.ImageFilter{Tagged: filter}, after, limit)
				}) {
					if pairs[id] {
						n++
					} else if (id.Tag != "") != *filter {
						w.Fatalf("%v with tagged=%v", id, *filter)
					}
				}
				if n != want {
					w.Fatalf("pages of %d, tagged=%v: %d, want %d", limit, *filter, n, want)
				}
			}
			names := all(w, limit, func(after string, limit int) ([]string, string, error) {
				disturb()
				names, more, err := r.TagNames(ctx, after, limit)
				if more {
					return names, names[len(names)-1], err
				}
				return names, "", err
			})
			if !slices.IsSorted(names) {
				w.Fatal(names)
			}
			if names = slices.DeleteFunc(names, func(s string) bool { return s[0] == 'n' }); !slices.Equal(names, tags) {
				w.Fatalf("pages of %d: %v", limit, names)
			}
		}
	})
}

// API-51: images by id, and the text for one that is not there.
func TestImagesByID(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("ids")
		ctx := w.Context()
		a, b := w.pushed(r, "a"), w.pushed(r, "b")
		list, err := r.ImagesByID(ctx, []registry.Reference{{Tag: "b"}, {Digest: a}, {Tag: "a"}, {Tag: "b", Digest: b}})
		if err != nil || len(list) != 2 || list[0].Digest != b || list[1].Digest != a {
			w.Fatalf("%+v %v", list, err)
		}
		for _, id := range []registry.Reference{{Tag: "none"}, {Digest: oci.FromBytes(nil)}, {Tag: "a", Digest: b}} {
			_, err := r.ImagesByID(ctx, []registry.Reference{{Tag: "a"}, id})
			tag, digest := id.Tag, string(id.Digest)
			if tag == "" {
				tag = "null"
			}
			if digest == "" {
				digest = "null"
			}
			w.refused(err, fault.ImageNotFound, fmt.Sprintf("The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name 'ids' in the registry with id '111222333444'", digest, tag))
		}
	})
}
