package distribution_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/berth-registry/berth/lang/oci"
)

func layersOf(t testing.TB, manifest []byte) (digests []string) {
	m, err := oci.ParseManifest(manifest, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		digests = append(digests, string(l.Digest))
	}
	return digests
}

// HTTP-12, HTTP-15, H10, H38.
func TestImages(t *testing.T) {
	s := start(t)
	s.create(t, "images/plain")
	const repo = "images/plain"
	c := s.owner.as(t)
	body := c.image(repo, "v1")
	digest := string(oci.FromBytes(body))
	for _, reference := range []string{"v1", digest} {
		c.hasManifest(repo, reference, oci.MediaTypeImageManifest, body)
	}
	// [choice] no conversion, whatever Accept says.
	c.want(c.do("GET", repo+"/manifests/v1", nil, "Accept", oci.MediaTypeDockerManifest), 200, "Content-Type", oci.MediaTypeImageManifest)
	c.want(c.do("GET", repo+"/manifests/v1", nil, "If-None-Match", `"`+digest+`"`), 304, "Docker-Content-Digest", digest)
	c.want(c.do("GET", repo+"/manifests/v1", nil, "If-None-Match", `"sha256:other"`), 200)
	c.pushManifest(repo, "v1", oci.MediaTypeImageManifest+"; charset=utf-8", body) // again: HTTP is idempotent (API-67)
	c.pushManifest(repo, "v2", oci.MediaTypeImageManifest, body)                   // a second tag
	other := c.image(repo, "v1")                                                   // the tag moves
	c.hasManifest(repo, "v1", oci.MediaTypeImageManifest, other)
	c.hasManifest(repo, "v2", oci.MediaTypeImageManifest, body)
	for name, change := range map[string]func(m map[string]any){
		"no layers":   func(m map[string]any) { m["layers"] = []any{} },
		"null layers": func(m map[string]any) { m["layers"] = nil },
		"custom fields": func(m map[string]any) {
			m["x"] = map[string]any{"y": []int{1}}
			m["config"].(map[string]any)["z"] = "z"
		},
		"annotations": func(m map[string]any) { m["annotations"] = map[string]string{"a": strings.Repeat("x", 3<<20)} },
		"artifact":    func(m map[string]any) { m["artifactType"] = "application/vnd.example.sbom.v1" },
		"a foreign layer (H43)": func(m map[string]any) {
			foreign := describe("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", []byte("elsewhere"))
			foreign["urls"] = []string{"http://169.254.169.254/latest/meta-data"}
			m["layers"] = append(m["layers"].([]any), foreign)
		},
		"no mediaType": func(m map[string]any) { delete(m, "mediaType") },
		"embedded data": func(m map[string]any) {
			d := describe("application/vnd.oci.empty.v1+json", []byte("{}"))
			d["data"] = []byte("{}")
			m["config"] = d
			c.pushBlob(repo, []byte("{}"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := c.as(t)
			c.hasManifest(repo, "x", oci.MediaTypeImageManifest, c.image(repo, "x", change))
		})
	}
	docker := c.manifest(repo, func(m map[string]any) { m["mediaType"] = oci.MediaTypeDockerManifest })
	c.pushManifest(repo, "docker", oci.MediaTypeDockerManifest, docker)
	c.hasManifest(repo, "docker", oci.MediaTypeDockerManifest, docker)
}

// HTTP-33, H36, H44, H48.
func TestIndexes(t *testing.T) {
	s := start(t)
	s.create(t, "images/index")
	const repo = "images/index"
	c := s.owner.as(t)
	a, b := c.manifest(repo), c.manifest(repo)
	both := index(t, a, b)
	c.refused(c.do("PUT", repo+"/manifests/both", both, "Content-Type", oci.MediaTypeImageIndex), 400, "MANIFEST_BLOB_UNKNOWN", string(oci.FromBytes(a)))
	c.pushManifest(repo, "", oci.MediaTypeImageManifest, a)
	c.pushManifest(repo, "", oci.MediaTypeImageManifest, b)
	c.pushManifest(repo, "both", oci.MediaTypeImageIndex, both)
	c.hasManifest(repo, "both", oci.MediaTypeImageIndex, both)
	nested := index(t, both, a, a, both)
	c.pushManifest(repo, "nested", oci.MediaTypeImageIndex, nested)
	c.hasManifest(repo, "nested", oci.MediaTypeImageIndex, nested)
	empty := index(t)
	c.pushManifest(repo, "empty", oci.MediaTypeImageIndex, empty)
	c.hasManifest(repo, "empty", oci.MediaTypeImageIndex, empty)
	list := []byte(strings.Replace(string(both), oci.MediaTypeImageIndex, oci.MediaTypeDockerManifestList, 1))
	c.pushManifest(repo, "list", oci.MediaTypeDockerManifestList, list)
	c.hasManifest(repo, "list", oci.MediaTypeDockerManifestList, list)

	c.refused(c.do("DELETE", repo+"/manifests/"+string(oci.FromBytes(a)), nil), 400, "DENIED", "Requested image referenced by manifest list")
	c.hasManifest(repo, string(oci.FromBytes(a)), oci.MediaTypeImageManifest, a)
	for _, m := range [][]byte{nested, list, both, a} { // from the outermost in
		c.want(c.do("DELETE", repo+"/manifests/"+string(oci.FromBytes(m)), nil), 202)
		c.refused(c.do("GET", repo+"/manifests/"+string(oci.FromBytes(m)), nil), 404, "MANIFEST_UNKNOWN", "Requested image not found")
	}
	c.hasManifest(repo, string(oci.FromBytes(b)), oci.MediaTypeImageManifest, b) // children outlive their index (API-73)
}

// H44: the same child ten thousand times, and a chain of indexes.
func TestHugeIndexes(t *testing.T) {
	s := start(t)
	s.create(t, "images/huge")
	const repo = "images/huge"
	c := s.owner.as(t)
	a := c.image(repo, "a")
	many := make([][]byte, 10_000)
	for i := range many {
		many[i] = a
	}
	c.pushManifest(repo, "many", oci.MediaTypeImageIndex, index(t, many...))
	last := a
	for range 60 {
		last = index(t, last, last)
		c.pushManifest(repo, "chain", oci.MediaTypeImageIndex, last)
	}
	c.hasManifest(repo, "chain", oci.MediaTypeImageIndex, last)
	c.want(c.do("DELETE", repo+"/manifests/"+string(oci.FromBytes(last)), nil), 202)
}

// HTTP-26, H12, H13.
func TestTagsAndCatalog(t *testing.T) {
	s := start(t)
	names := []string{"list/aaa", "list/bbb", "list/ccc", "list/ddd"}
	for _, name := range names {
		s.create(t, name)
	}
	c := s.owner.as(t)
	list := func(r *reply) (l struct {
		Name               string
		Tags, Repositories []string
	}) {
		c.t.Helper()
		c.want(r, 200, "Content-Type", "application/json; charset=utf-8")
		if err := json.Unmarshal(r.body, &l); err != nil {
			c.t.Fatal(err)
		}
		return l
	}
	// follow reads all pages by their Links.
	follow := func(path string) (all []string) {
		c.t.Helper()
		for pages := 0; path != ""; pages++ {
			if pages > 300 {
				c.t.Fatalf("%s does not end", path)
			}
			r := c.do("GET", path, nil)
			l := list(r)
			all = append(append(all, l.Tags...), l.Repositories...)
			link := r.header.Get("Link")
			if path = ""; link != "" {
				next, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
				if !ok || !strings.HasPrefix(next, "/v2/") || strings.ContainsAny(next, " \"<>") { // H13
					c.t.Fatalf("Link is %q", link)
				}
				path = next
			}
		}
		return all
	}
	const repo = "list/aaa"
	if r := c.do("GET", repo+"/tags/list", nil); string(r.body) != `{"name":"`+c.prefix+repo+`","tags":[]}` {
		t.Errorf("no tags: %s", r.body)
	}
	body := c.manifest(repo)
	var tags []string
	for i := range 105 {
		tag := fmt.Sprintf("v%d", i)
		if i%3 == 0 {
			tag = fmt.Sprintf("V.%d-x_", i)
		}
		tags = append(tags, tag)
		c.pushManifest(repo, tag, oci.MediaTypeImageManifest, body)
	}
	slices.Sort(tags)
	if l := list(c.do("GET", repo+"/tags/list", nil)); l.Name != c.prefix+repo || !slices.Equal(l.Tags, tags[:100]) {
		t.Errorf("first page: %+v", l)
	}
	for _, n := range []string{"", "?n=1", "?n=7", "?n=105", "?n=1000"} {
		if got := follow(repo + "/tags/list" + n); !slices.Equal(got, tags) {
			t.Errorf("%s: %q", n, got)
		}
	}
	if l := list(c.want(c.do("GET", repo+"/tags/list?n=0", nil), 200, "Link", "")); len(l.Tags) != 0 || l.Tags == nil {
		t.Errorf("n=0: %+v", l)
	}
	if l := list(c.do("GET", repo+"/tags/list?n=2&last="+tags[9], nil)); !slices.Equal(l.Tags, tags[10:12]) {
		t.Errorf("after %s: %+v", tags[9], l)
	}
	for _, last := range []string{"%00", "%ff", "a%0d%0aX:y", "~", "%F0%9F%98%80", "zzz"} {
		list(c.do("GET", repo+"/tags/list?last="+last, nil))
		list(c.do("GET", "_catalog?last="+last, nil))
	}
	for _, n := range []string{"1001", "1e9", "-1", "abc", "99999999999999999999", ""} { // H12
		for _, path := range []string{repo + "/tags/list", "_catalog"} {
			c.refused(c.do("GET", path+"?n="+n, nil), 400, "UNSUPPORTED", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must")
		}
	}
	c.refused(c.do("GET", repo+"/tags/list?n=1&n=2", nil), 400, "UNSUPPORTED", "twice")
	for _, n := range []string{"", "?n=1", "?n=3"} { // HTTP-27
		got := follow("_catalog" + n)
		for _, name := range names {
			if !slices.Contains(got, c.prefix+name) {
				t.Errorf("%s: %s is missing in %q", n, name, got)
			}
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s: %q", n, got)
		}
	}
	c.refused(c.do("GET", "list/none/tags/list", nil), 404, "NAME_UNKNOWN", "The repository with name 'list/none' does not exist in the registry with id '")
}

// HTTP-15, HTTP-28, H49.
func TestReferrers(t *testing.T) {
	s := start(t)
	s.create(t, "images/referrers")
	s.create(t, "images/elsewhere")
	const repo = "images/referrers"
	c := s.owner.as(t)
	type descriptor struct {
		MediaType, Digest, ArtifactType string
		Size                            int
		Annotations                     map[string]string
	}
	read := func(r *reply) []descriptor {
		c.t.Helper()
		c.want(r, 200, "Content-Type", oci.MediaTypeImageIndex)
		var l struct {
			SchemaVersion int
			MediaType     string
			Manifests     []descriptor
		}
		if err := json.Unmarshal(r.body, &l); err != nil || l.SchemaVersion != 2 || l.MediaType != oci.MediaTypeImageIndex || l.Manifests == nil {
			c.t.Fatalf("%v: %s", err, r.body)
		}
		return l.Manifests
	}
	missing := string(oci.FromBytes([]byte("missing")))
	if got := read(c.do("GET", repo+"/referrers/"+missing, nil)); len(got) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
	subject := c.manifest(repo) // pushed after its referrers: the order does not matter
	digest := string(oci.FromBytes(subject))
	refer := func(artifactType string, annotations map[string]string) func(m map[string]any) {
		return func(m map[string]any) {
			m["subject"] = describe(oci.MediaTypeImageManifest, subject)
			if artifactType != "" {
				m["artifactType"] = artifactType
			}
			if annotations != nil {
				m["annotations"] = annotations
			}
		}
	}
	push := func(repo, tag string, body []byte, mediaType string) {
		c.t.Helper()
		if tag == "" {
			tag = string(oci.FromBytes(body))
		}
		c.want(c.do("PUT", repo+"/manifests/"+tag, body, "Content-Type", mediaType), 201, "Oci-Subject", digest)
	}
	sbom := c.manifest(repo, refer("application/vnd.example.sbom.v1", map[string]string{"org.example": "a<b"}))
	push(repo, "", sbom, oci.MediaTypeImageManifest)
	signature := c.manifest(repo, refer("", nil))
	push(repo, "sig", signature, oci.MediaTypeImageManifest)
	var list map[string]any
	if err := json.Unmarshal(index(t), &list); err != nil {
		t.Fatal(err)
	}
	refer("", nil)(list)
	push(repo, "", encode(t, list), oci.MediaTypeImageIndex)
	push("images/elsewhere", "", c.manifest("images/elsewhere", refer("application/x", nil)), oci.MediaTypeImageManifest)
	c.want(c.do("PUT", repo+"/manifests/subject", subject, "Content-Type", oci.MediaTypeImageManifest), 201, "Oci-Subject", "")

	want := map[string]descriptor{}
	for _, d := range []descriptor{
		{oci.MediaTypeImageManifest, string(oci.FromBytes(sbom)), "application/vnd.example.sbom.v1", len(sbom), map[string]string{"org.example": "a<b"}},
		{oci.MediaTypeImageManifest, string(oci.FromBytes(signature)), "application/vnd.oci.image.config.v1+json", len(signature), nil},
		{oci.MediaTypeImageIndex, string(oci.FromBytes(encode(t, list))), "", len(encode(t, list)), nil},
	} {
		want[d.Digest] = d
	}
	same := func(got []descriptor, want map[string]descriptor) {
		c.t.Helper()
		if len(got) != len(want) {
			c.t.Errorf("%d referrers, want %d: %+v", len(got), len(want), got)
		}
		for _, d := range got {
			if fmt.Sprint(d) != fmt.Sprint(want[d.Digest]) {
				c.t.Errorf("%+v, want %+v", d, want[d.Digest])
			}
		}
	}
	same(read(c.want(c.do("GET", repo+"/referrers/"+digest, nil), 200, "Oci-Filters-Applied", "", "Link", "")), want)
	filtered := read(c.want(c.do("GET", repo+"/referrers/"+digest+"?artifactType=application/vnd.example.sbom.v1", nil), 200, "Oci-Filters-Applied", "artifactType"))
	same(filtered, map[string]descriptor{string(oci.FromBytes(sbom)): want[string(oci.FromBytes(sbom))]})
	if got := read(c.do("GET", repo+"/referrers/"+digest+"?artifactType=x'%20OR%20'1'%3D'1", nil)); len(got) != 0 {
		t.Errorf("injection: %+v", got)
	}
	c.refused(c.do("GET", repo+"/referrers/"+digest+"?artifactType=%00", nil), 400, "UNSUPPORTED", "")
	c.refused(c.do("GET", repo+"/referrers/sha256:baddigest", nil), 400, "DIGEST_INVALID", "")
	c.refused(c.do("GET", repo+"/referrers/sha512:"+strings.Repeat("a", 128), nil), 400, "DIGEST_INVALID", "only the algorithm sha256")

	// Pages, also when each is cut by its size and not by its number.
	huge := map[string]string{}
	for i := range 3 {
		body := c.manifest(repo, refer("application/huge", map[string]string{"a": fmt.Sprint(i) + strings.Repeat("x", 3<<20)}))
		push(repo, "", body, oci.MediaTypeImageManifest)
		huge[string(oci.FromBytes(body))] = ""
	}
	for query, most := range map[string]int{"?artifactType=application/huge": 1, "?n=1": 1, "?n=2": 2} {
		seen := map[string]bool{}
		for path := repo + "/referrers/" + digest + query; path != ""; {
			r := c.do("GET", path, nil)
			l := read(r)
			if len(l) > most || len(r.body) > 5<<20 {
				t.Fatalf("%s: %d descriptors, %d bytes", path, len(l), len(r.body))
			}
			for _, d := range l {
				if seen[d.Digest] {
					t.Fatalf("%s: %s again", path, d.Digest)
				}
				seen[d.Digest] = true
			}
			path = strings.TrimSuffix(strings.TrimPrefix(r.header.Get("Link"), "<"), `>; rel="next"`)
		}
		if n := len(huge); strings.Contains(query, "huge") && len(seen) != n || strings.Contains(query, "n=") && len(seen) != n+3 {
			t.Errorf("%s: %d referrers", query, len(seen))
		}
	}

	// Deleting the subject deletes its referrers (API-73).
	c.want(c.do("DELETE", repo+"/manifests/"+digest, nil), 202)
	eventually(t, func() bool { return len(read(c.do("GET", repo+"/referrers/"+digest, nil))) == 0 })
}

// HTTP-29: what old clients attach by a tag made of the digest is an ordinary index under an ordinary tag: where tags are immutable, the second attachment fails.
func TestAttachmentsByTagSchema_HTTP29(t *testing.T) {
	s := start(t)
	const repo = "images/tag-schema"
	s.create(t, repo)
	s.immutable(t, repo)
	c := s.owner.as(t)
	subject, first, second := c.image(repo, "v1"), c.manifest(repo), c.manifest(repo)
	tag := strings.Replace(string(oci.FromBytes(subject)), ":", "-", 1)
	for _, m := range [][]byte{first, second} {
		c.pushManifest(repo, string(oci.FromBytes(m)), oci.MediaTypeImageManifest, m)
	}
	index := func(children ...[]byte) []byte {
		list := []any{}
		for _, child := range children {
			list = append(list, describe(oci.MediaTypeImageManifest, child))
		}
		return encode(t, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": list})
	}
	c.pushManifest(repo, tag, oci.MediaTypeImageIndex, index(first))
	c.refused(c.do("PUT", repo+"/manifests/"+tag, index(first, second), "Content-Type", oci.MediaTypeImageIndex), 400, "TAG_INVALID", "the tag is immutable")
	c.hasManifest(repo, tag, oci.MediaTypeImageIndex, index(first))
	var l struct{ Manifests []any }
	if r := c.do("GET", repo+"/referrers/"+string(oci.FromBytes(subject)), nil); json.Unmarshal(r.body, &l) != nil || len(l.Manifests) != 0 {
		t.Errorf("the referrers: %s", r.body)
	}
}

// HTTP-17, H33, H46, API-72.
func TestDeletes(t *testing.T) {
	s := start(t)
	s.create(t, "images/deletes")
	const repo = "images/deletes"
	c := s.owner.as(t)
	body := c.image(repo, "a")
	digest := string(oci.FromBytes(body))
	c.pushManifest(repo, "b", oci.MediaTypeImageManifest, body)
	c.want(c.do("DELETE", repo+"/manifests/a", nil), 202)
	c.refused(c.do("GET", repo+"/manifests/a", nil), 404, "MANIFEST_UNKNOWN", "Requested image not found")
	c.hasManifest(repo, "b", oci.MediaTypeImageManifest, body)
	layer := layersOf(t, body)[0]
	c.refused(c.want(c.do("DELETE", repo+"/blobs/"+layer, nil), 405, "Allow", "GET, HEAD"), 405, "UNSUPPORTED", "")
	c.want(c.do("GET", repo+"/blobs/"+layer, nil), 200)
	c.want(c.do("DELETE", repo+"/manifests/"+digest, nil), 202)
	for _, reference := range []string{"b", digest} {
		c.refused(c.do("GET", repo+"/manifests/"+reference, nil), 404, "MANIFEST_UNKNOWN", "Requested image not found")
		c.refused(c.do("DELETE", repo+"/manifests/"+reference, nil), 404, "MANIFEST_UNKNOWN", "Requested image not found")
	}
	c.refused(c.do("DELETE", "images/none/manifests/a", nil), 404, "NAME_UNKNOWN", "")
}
