package registry_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

func immutable(mode string, filters ...string) func(*registry.NewRepository) {
	return func(n *registry.NewRepository) {
		n.Mutability = registry.TagMutability{Mode: mode, Exclusions: filters}
	}
}

// H35 to H37, H42, API-64, API-66: what a push is refused for, in that order, and that nothing is stored.
func TestPushRefusals(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("push")
		ctx := w.Context()
		good := w.manifest(r)
		other := w.pushed(w.repo("other"), "v1")
		missing := encode(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest, "config": describe("application/vnd.oci.image.config.v1+json", []byte("a")),
			"layers": []any{describe("x/y", []byte("b")), describe("x/y", []byte("b"))}})
		index := encode(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": []any{
			map[string]any{"mediaType": oci.MediaTypeImageManifest, "digest": other, "size": 100}}})
		small := w.manifest(r, func(m map[string]any) { m["layers"].([]any)[0].(map[string]any)["size"] = 59 })
		a, b := oci.FromBytes([]byte("a")), oci.FromBytes([]byte("b"))
		for _, c := range []struct {
			push registry.PutImage
			code fault.Code
			text string
		}{
			{registry.PutImage{Body: good, Tag: "-x"}, fault.TagInvalid, ""},
			{registry.PutImage{Body: []byte("{")}, fault.ManifestInvalid, ""},
			{registry.PutImage{Body: good, MediaType: "text/plain"}, fault.MediaTypeUnsupported, ""},
			{registry.PutImage{Body: good, MediaType: oci.MediaTypeDockerManifest}, fault.ManifestInvalid, ""},
			{registry.PutImage{Body: good, Digest: a}, fault.ImageDigestDoesNotMatch, ""},
			{registry.PutImage{Body: missing, Tag: "x"}, fault.LayersNotFound, // H35: each once
				fmt.Sprintf("Layers with digests '[%s, %s]' required for pushing image into repository with name 'push' in the registry with id '111222333444' do not exist", a, b)},
			{registry.PutImage{Body: index, Tag: "x"}, fault.ReferencedImagesNotFound, // H36: that another repository has it does not count
				fmt.Sprintf("Images with digests '[%s]' required for pushing image into repository with name 'push' in the registry with id '111222333444' do not exist", other)},
			{registry.PutImage{Body: small, Tag: "x"}, fault.ManifestInvalid, "says 59 bytes; 60 are stored"}, // H37
		} {
			_, err := r.PutImage(ctx, c.push)
			w.refused(err, c.code, c.text)
		}
		list, _, err := r.Images(ctx, registry.ImageFilter{}, "", 10)
		if err != nil || len(list) != 0 {
			w.Fatal(list, err)
		}
		// The same bytes cannot be two things (H39).
		bare := bytes.Replace(w.manifest(r), []byte(`"mediaType":"`+oci.MediaTypeImageManifest+`",`), nil, 1)
		_, err = r.PutImage(ctx, registry.PutImage{Body: bare, MediaType: oci.MediaTypeImageManifest})
		w.ok(err)
		_, err = r.PutImage(ctx, registry.PutImage{Body: bare, MediaType: oci.MediaTypeImageIndex})
		w.refused(err, fault.ManifestInvalid, "")
		_, err = r.PutImage(ctx, registry.PutImage{Body: bare})
		w.refused(err, fault.InvalidParameter, "ImageManifestMediaType")
	})
}

// API-52, API-53, API-67, API-70, HTTP-15: what is known of an image, of one retagged, of indexes in indexes, and of artifacts.
func TestPush(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("push")
		ctx := w.Context()
		body := w.manifest(r)
		s, err := r.PutImage(ctx, registry.PutImage{Body: body, Tag: "v1", Digest: oci.FromBytes(body)})
		if err != nil || !s.New || !s.Moved || s.MediaType != oci.MediaTypeImageManifest || s.Subject != "" {
			w.Fatalf("%+v %v", s, err)
		}
		image := s.Digest
		for _, c := range []struct {
			tag        string
			new, moved bool
		}{{"v1", false, false}, {"v2", false, true}, {"", false, false}} {
			if s, err = r.PutImage(ctx, registry.PutImage{Body: body, Tag: c.tag}); err != nil || s.New != c.new || s.Moved != c.moved {
				w.Errorf("%q again: %+v %v", c.tag, s, err)
			}
		}
		// Retagging needs nothing but the manifest that is there (BatchGetImage, PutImage).
		m, err := r.Manifest(ctx, registry.Reference{Tag: "v2"})
		if err != nil || !bytes.Equal(m.Body, body) || m.Digest != image || m.MediaType != oci.MediaTypeImageManifest {
			w.Fatalf("%+v %v", m, err)
		}
		second := w.manifest(r, func(m map[string]any) { m["layers"] = append(m["layers"].([]any), m["layers"].([]any)...) })
		big := w.image(r, "", second)
		inner := w.image(r, "", w.index(r, image, big, image))
		outer := w.image(r, "multi", w.index(r, inner))
		sbom := w.image(r, "", w.manifest(r, subject(outer), func(m map[string]any) {
			m["artifactType"] = "application/spdx+json"
			m["annotations"] = map[string]string{"k": "v"}
		}))
		empty := w.image(r, "empty", encode(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": []any{}}))
		foreign := w.image(r, "foreign", w.manifest(r, func(m map[string]any) { // API-66, H43
			l := describe("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", []byte("elsewhere"))
			l["urls"] = []string{"http://169.254.169.254/latest"}
			m["layers"] = append(m["layers"].([]any), l)
		}))
		legacyLayer := w.push(r, random(10))
		legacy, err := r.PutImage(ctx, registry.PutImage{Tag: "legacy", MediaType: oci.MediaTypeDockerLegacy,
			Body: []byte(`{"schemaVersion":1,"name":"push","tag":"legacy","architecture":"amd64","fsLayers":[{"blobSum":"` + string(legacyLayer) + `"}],"history":[{"v1Compatibility":"{}"}]}`)})
		w.ok(err)

		images := map[oci.Digest]registry.Image{}
		list, next, err := r.Images(ctx, registry.ImageFilter{}, "", 100)
		if err != nil || next != "" {
			w.Fatal(next, err)
		}
		for _, i := range list {
			images[i.Digest] = i
		}
		const config = "application/vnd.oci.image.config.v1+json"
		for d, want := range map[oci.Digest]registry.Image{
			image:         {Tags: []string{"v1", "v2"}, Size: 100, ArtifactMediaType: config},
			big:           {Size: 160, ArtifactMediaType: config},
			inner:         {Size: 160},
			outer:         {Tags: []string{"multi"}, Size: 160},
			sbom:          {Size: 100, ArtifactMediaType: "application/spdx+json", Subject: outer},
			empty:         {Tags: []string{"empty"}},
			foreign:       {Tags: []string{"foreign"}, Size: 100 + 9, ArtifactMediaType: config},
			legacy.Digest: {Tags: []string{"legacy"}},
		} {
			got := images[d]
			if fmt.Sprint(got.Tags) != fmt.Sprint(want.Tags) || got.Size != want.Size || got.ArtifactMediaType != want.ArtifactMediaType || got.Subject != want.Subject || !got.LastPull.IsZero() {
				w.Errorf("got %+v, want %+v", got, want)
			}
			delete(images, d)
		}
		if len(images) != 0 {
			w.Errorf("%v", images)
		}
		referrers, more, err := r.Referrers(ctx, outer, nil, "", "", 10)
		if err != nil || more || len(referrers) != 1 || referrers[0].Digest != sbom || referrers[0].ArtifactType != "application/spdx+json" || referrers[0].Annotations["k"] != "v" {
			w.Errorf("%+v %v", referrers, err)
		}
		if referrers, _, err = r.Referrers(ctx, outer, []string{"other", "x"}, "", "", 10); err != nil || len(referrers) != 0 {
			w.Errorf("%+v %v", referrers, err)
		}
		if referrers, _, err = w.repo("elsewhere").Referrers(ctx, outer, nil, "", "", 10); err != nil || len(referrers) != 0 { // H49
			w.Errorf("%+v %v", referrers, err)
		}
	})
}

// API-68, API-69, API-41, H45: which tags may move.
func TestMutability(t *testing.T) {
	each(t, func(w *world) {
		for i, c := range []struct {
			mode      string
			filters   []string
			fixed     []string
			changes   []string
			different string
		}{
			{"MUTABLE", nil, nil, []string{"latest", "v1"}, ""},
			{"IMMUTABLE", nil, []string{"latest", "v1", "a.b"}, nil, ""},
			{"IMMUTABLE_WITH_EXCLUSION", []string{"latest", "dev-*", "*-rc*"}, []string{"v1", "latest2", "Latest", "dev"}, []string{"latest", "dev-", "dev-1", "v1-rc", "1-rc2"}, ""},
			{"MUTABLE_WITH_EXCLUSION", []string{"v*", "release*"}, []string{"v", "v1", "v1.2", "release"}, []string{"latest", "av1", "V1"}, ""},
		} {
			r := w.repo(fmt.Sprintf("mode%d", i), immutable(c.mode, c.filters...))
			for _, tag := range append(c.fixed, c.changes...) {
				first := w.manifest(r)
				w.image(r, tag, first)
				w.image(r, tag, first) // H45: the same again is no change
				second := w.manifest(r)
				_, err := r.PutImage(w.Context(), registry.PutImage{Body: second, Tag: tag})
				want := oci.FromBytes(second)
				if strings.Contains("\x00"+strings.Join(c.fixed, "\x00")+"\x00", "\x00"+tag+"\x00") {
					w.refused(err, fault.ImageTagAlreadyExists, "The image tag '"+tag+"' already exists in the '"+r.Name+"' repository and cannot be overwritten because the tag is immutable.")
					want = oci.FromBytes(first)
					// The refused image is not there either: one push, one transaction.
					_, err = r.Manifest(w.Context(), registry.Reference{Digest: oci.FromBytes(second)})
					w.refused(err, fault.ImageNotFound, "")
				} else {
					w.ok(err)
					w.ok(err)
				}
				if m, err := r.Manifest(w.Context(), registry.Reference{Tag: tag}); err != nil || m.Digest != want {
					w.Fatalf("%s %s: %v %v", c.mode, tag, m, err)
				}
			}
		}
		// A handle of before the change obeys the rule of now (API-41).
		old := w.repo("later")
		w.pushed(old, "v1")
		w.ok(w.again("later").SetMutability(w.Context(), registry.TagMutability{Mode: "IMMUTABLE"}))
		_, err := old.PutImage(w.Context(), registry.PutImage{Body: w.manifest(old), Tag: "v1"})
		w.refused(err, fault.ImageTagAlreadyExists, "")
	})
}

// H45, H46: of many pushes of different images to one immutable tag at once, one wins and stays.
func TestImmutableRace(t *testing.T) {
	each(t, func(w *world) {
		for n := range 5 {
			r := w.repo(fmt.Sprintf("race%d", n), immutable("IMMUTABLE"))
			bodies := make([][]byte, 8)
			handles := make([]*registry.Repo, len(bodies))
			for i := range bodies {
				bodies[i], handles[i] = w.manifest(r), w.again(r.Name)
			}
			won := make([]bool, len(bodies))
			var all sync.WaitGroup
			for i := range bodies {
				all.Go(func() {
					_, err := handles[i].PutImage(w.Context(), registry.PutImage{Body: bodies[i], Tag: "latest"})
					won[i] = err == nil
					if err != nil && !fault.Is(err, fault.ImageTagAlreadyExists) {
						w.Error(err)
					}
				})
			}
			all.Wait()
			winners := 0
			for i := range bodies {
				if won[i] {
					winners++
					if m, err := r.Manifest(w.Context(), registry.Reference{Tag: "latest"}); err != nil || m.Digest != oci.FromBytes(bodies[i]) {
						w.Errorf("%v %v", m, err)
					}
				}
			}
			if winners != 1 {
				w.Errorf("%d pushes won", winners)
			}
		}
	})
}

// The same image, pushed by many at once under tags of their own, is one image with all the tags.
func TestSameImageAtOnce(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("same")
		body := w.manifest(r)
		var all sync.WaitGroup
		for i := range 10 {
			handle := w.again("same")
			all.Go(func() {
				if _, err := handle.PutImage(w.Context(), registry.PutImage{Body: body, Tag: fmt.Sprintf("t%d", i)}); err != nil {
					w.Error(err)
				}
			})
		}
		all.Wait()
		list, _, err := r.Images(w.Context(), registry.ImageFilter{}, "", 10)
		if err != nil || len(list) != 1 || len(list[0].Tags) != 10 {
			w.Fatalf("%+v %v", list, err)
		}
	})
}

// API-77, API-79: what nobody sets is as in ECR.
func TestDefaultLimits_API77_API79(t *testing.T) {
	want := registry.Limits{
		Uploads: 10_000, Repositories: 100_000, Images: 100_000, ImageTags: 1000, Rules: 50, Templates: 50, Exclusions: 100,
		LayerBytes: 52_000 * 1024 * 1024, LayerParts: 4200, PartBytes: 20 * 1024 * 1024,
	}
	if got := registry.DefaultLimits(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// API-70: limits of images and tags; what is there already can still be tagged, and a deletion makes room.
func TestImageLimits(t *testing.T) {
	eachWith(t, registry.Options{Limits: registry.Limits{Images: 3, ImageTags: 2}}, func(w *world) {
		r := w.repo("full")
		ctx := w.Context()
		first := w.manifest(r)
		w.image(r, "a", first)
		w.pushed(r, "b")
		w.pushed(r, "c")
		fourth := w.manifest(r)
		_, err := r.PutImage(ctx, registry.PutImage{Body: fourth, Tag: "d"})
		w.refused(err, fault.LimitExceeded, "holds 3 images, which is the limit")
		w.image(r, "a2", first)
		_, err = r.PutImage(ctx, registry.PutImage{Body: first, Tag: "a3"})
		w.refused(err, fault.LimitExceeded, "has 2 tags, which is the limit")
		_, _, err = r.DeleteImages(ctx, []registry.Reference{{Tag: "b"}})
		w.ok(err)
		w.image(r, "d", fourth)
	})
}
