package registry_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// model is a repository as anybody would write it who had all the time and memory there is.
type model struct {
	images  map[oci.Digest]modelImage
	tags    map[string]oci.Digest
	fixed   func(tag string) bool
	created int
}

type modelImage struct {
	children []oci.Digest
	subject  oci.Digest
	number   int // in the order of pushes
}

func (m *model) put(d oci.Digest, i modelImage, tag string) fault.Code {
	for _, c := range i.children {
		if _, ok := m.images[c]; !ok {
			return fault.ReferencedImagesNotFound
		}
	}
	if was, ok := m.tags[tag]; ok && was != d && m.fixed(tag) {
		return fault.ImageTagAlreadyExists
	}
	if _, ok := m.images[d]; !ok {
		m.created++
		i.number = m.created
		m.images[d] = i
	}
	if tag != "" {
		m.tags[tag] = d
	}
	return ""
}

func (m *model) needed(d oci.Digest) bool {
	for _, i := range m.images {
		if slices.Contains(i.children, d) {
			return true
		}
	}
	return false
}

func (m *model) tagged(d oci.Digest) (tags []string) {
	for tag, at := range m.tags {
		if at == d {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

func (m *model) drop(d oci.Digest) {
	delete(m.images, d)
	maps.DeleteFunc(m.tags, func(_ string, at oci.Digest) bool { return at == d })
	for other, i := range m.images {
		if i.subject == d && !m.needed(other) {
			m.drop(other)
		}
	}
}

func (m *model) remove(id registry.Reference) (failure string) {
	d := id.Digest
	if id.Tag != "" {
		at, ok := m.tags[id.Tag]
		switch {
		case !ok:
			return registry.FailImageNotFound
		case d != "" && d != at:
			return registry.FailTagNotOfDigest
		}
		delete(m.tags, id.Tag)
		if len(m.tagged(at)) == 0 && !m.needed(at) {
			m.drop(at)
		}
		return ""
	}
	if _, ok := m.images[d]; !ok {
		return registry.FailImageNotFound
	}
	if m.needed(d) {
		return registry.FailReferenced
	}
	m.drop(d)
	return ""
}

// Any sequence of pushes, moves and deletions leaves what the model says, as every way of asking tells it.
func TestAgainstModel(t *testing.T) {
	each(t, func(w *world) {
		count := 0
		rapid.Check(w.TB.(*testing.T), func(t *rapid.T) {
			count++
			mode := rapid.SampledFrom([]registry.TagMutability{
				{Mode: "MUTABLE"}, {Mode: "IMMUTABLE"}, {Mode: "IMMUTABLE_WITH_EXCLUSION", Exclusions: []string{"t1", "*3"}}, {Mode: "MUTABLE_WITH_EXCLUSION", Exclusions: []string{"t1"}},
			}).Draw(t, "mode")
			r := w.repo(fmt.Sprintf("model/%s-%d", "r", count), func(n *registry.NewRepository) { n.Mutability = mode })
			ctx := w.Context()
			m := &model{images: map[oci.Digest]modelImage{}, tags: map[string]oci.Digest{}, fixed: mode.IsImmutable}
			bodies := map[oci.Digest][]byte{}
			shapes := map[oci.Digest]modelImage{}
			var known []oci.Digest
			remember := func(body []byte, i modelImage) {
				d := oci.FromBytes(body)
				if bodies[d] == nil {
					bodies[d], shapes[d] = body, i
					known = append(known, d)
				}
			}
			for n := range 4 {
				remember(encode(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": []any{}, "annotations": map[string]string{"n": fmt.Sprint(n)}}), modelImage{})
			}
			tag := rapid.SampledFrom([]string{"", "t1", "t2", "t3", "t4"})
			image := rapid.Custom(func(t *rapid.T) oci.Digest { return rapid.SampledFrom(known).Draw(t, "image") })
			check := func(err error, want fault.Code) {
				if f := fault.As(err); err != nil && f == nil || f == nil && want != "" || f != nil && f.Code != want {
					t.Fatalf("got %v, want %q", err, want)
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"an index, or what refers to an image": func(t *rapid.T) {
					var list []any
					i := modelImage{children: rapid.SliceOfN(image, 0, 3).Draw(t, "children")}
					for _, c := range i.children {
						list = append(list, describe(oci.MediaTypeImageIndex, bodies[c]))
					}
					v := map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": append([]any{}, list...)}
					if rapid.Bool().Draw(t, "refers") {
						i.subject = image.Draw(t, "subject")
						v["subject"] = describe(oci.MediaTypeImageIndex, bodies[i.subject])
					}
					remember(encode(v), i)
				},
				"push": func(t *rapid.T) {
					d, tag := image.Draw(t, "what"), tag.Draw(t, "tag")
					_, err := r.PutImage(ctx, registry.PutImage{Body: bodies[d], Tag: tag})
					check(err, m.put(d, shapes[d], tag))
				},
				"delete": func(t *rapid.T) {
					id := registry.Reference{Tag: tag.Draw(t, "tag")}
					if id.Tag == "" || rapid.IntRange(0, 4).Draw(t, "both") == 0 {
						id.Digest = image.Draw(t, "what")
					}
					_, failures, err := r.DeleteImages(ctx, []registry.Reference{id})
					check(err, "")
					got := ""
					if len(failures) > 0 {
						got = failures[0].Code
					}
					if want := m.remove(id); got != want {
						t.Fatalf("deleting %v: %q, want %q", id, got, want)
					}
				},
				"": func(t *rapid.T) {
					for _, d := range known {
						got, err := r.Manifest(ctx, registry.Reference{Digest: d})
						if _, ok := m.images[d]; ok && (err != nil || string(got.Body) != string(bodies[d])) || !ok && !fault.Is(err, fault.ImageNotFound) {
							t.Fatalf("%s: %v", d, err)
						}
					}
					for _, tag := range []string{"t1", "t2", "t3", "t4"} {
						got, err := r.Manifest(ctx, registry.Reference{Tag: tag})
						if d, ok := m.tags[tag]; ok && (err != nil || got.Digest != d) || !ok && !fault.Is(err, fault.ImageNotFound) {
							t.Fatalf("%s: %v", tag, err)
						}
					}
					names, _, err := r.TagNames(ctx, "", 100)
					if want := slices.Sorted(maps.Keys(m.tags)); err != nil || !slices.Equal(names, want) {
						t.Fatalf("tags %v %v, want %v", names, err, want)
					}
					list, _, err := r.Images(ctx, registry.ImageFilter{}, "", 100)
					if err != nil || len(list) != len(m.images) {
						t.Fatalf("%d images, want %d: %v", len(list), len(m.images), err)
					}
					tagged := len(m.tags)%2 == 0
					some, _, err := r.Images(ctx, registry.ImageFilter{Tagged: &tagged}, "", 100)
					if err != nil {
						t.Fatal(err)
					}
					if want := slices.DeleteFunc(slices.Clone(list), func(i registry.Image) bool { return tagged != (len(i.Tags) > 0) }); !slices.EqualFunc(some, want, same) {
						t.Fatalf("with tags (%v) are %+v, want %+v", tagged, some, want)
					}
					for n, i := range list {
						want, ok := m.images[i.Digest]
						if !ok || i.Subject != want.subject || !slices.Equal(i.Tags, m.tagged(i.Digest)) || n > 0 && m.images[list[n-1].Digest].number < want.number {
							t.Fatalf("%d: %+v, want %+v", n, i, want)
						}
						referrers, _, err := r.Referrers(ctx, i.Digest, nil, "", "", 100)
						if err != nil {
							t.Fatal(err)
						}
						for _, f := range referrers {
							if m.images[f.Digest].subject != i.Digest {
								t.Fatalf("%s refers to %s", f.Digest, i.Digest)
							}
						}
					}
				},
			})
		})
	})
}
