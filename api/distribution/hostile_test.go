package distribution_test

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/berth-registry/berth/lang/oci"
)

// H02 to H06: names, tags and digests outside their grammar.
func TestHostileNames(t *testing.T) {
	s := start(t)
	s.create(t, "hostile/names")
	const repo = "hostile/names"
	c := s.owner.as(t)
	body := c.image(repo, "v1")
	digest := string(oci.FromBytes(body))
	for _, name := range []string{
		"Hostile/names", "hostile/../hostile/names", "hostile/%2e%2e/hostile/names", "hostile%2fnames", "hostile//names", "hostile\\names", "hostile%5cnames", "hostile%00/names",
		"hostile/names%0a", "a", strings.Repeat("a", 257), "hostile/-names", "hostile/names..x", ".", "%2e",
	} {
		for _, rest := range []string{"/manifests/v1", "/tags/list", "/blobs/" + digest, "/referrers/" + digest} {
			c.refused(c.do("GET", name+rest, nil), 400, "NAME_INVALID", "")
		}
		c.refused(c.do("POST", name+"/blobs/uploads/", nil), 400, "NAME_INVALID", "")
	}
	for _, tag := range []string{strings.Repeat("a", 129), "..%2f..%2fx", "-a", ".a", "a%20b", "%00", "a%0d%0ab"} { // H04
		c.refused(c.do("PUT", repo+"/manifests/"+tag, body, "Content-Type", oci.MediaTypeImageManifest), 400, "TAG_INVALID", "")
		if !strings.Contains(tag, "%2f") {
			c.refused(c.do("GET", repo+"/manifests/"+tag, nil), 404, "MANIFEST_UNKNOWN", "Requested image not found")
			c.refused(c.do("DELETE", repo+"/manifests/"+tag, nil), 404, "MANIFEST_UNKNOWN", "Requested image not found")
		}
	}
	for _, d := range []string{"sha256:../../etc/passwd", "sha256:..%2f..%2fetc%2fpasswd", "sha256:abc", "sha256:" + strings.ToUpper(digest[7:]), "md5:d41d8cd98f00b204e9800998ecf8427e", digest[:70]} {
		c.refused(c.do("GET", repo+"/blobs/"+d, nil), 400, "DIGEST_INVALID", "")
		c.refused(c.do("GET", repo+"/referrers/"+d, nil), 400, "DIGEST_INVALID", "")
	}
	// H06: sha512 is refused, and with words that say why.
	sha512 := "sha512:" + strings.Repeat("0a", 64)
	c.refused(c.do("PUT", repo+"/manifests/"+sha512, body, "Content-Type", oci.MediaTypeImageManifest), 400, "DIGEST_INVALID", "only the algorithm sha256 is supported")
	c.refused(c.do("GET", repo+"/manifests/"+sha512, nil), 400, "DIGEST_INVALID", "only the algorithm sha256 is supported")
	c.refused(c.do("GET", repo+"/blobs/"+sha512, nil), 400, "DIGEST_INVALID", "only the algorithm sha256 is supported")
	c.refused(c.do("POST", repo+"/blobs/uploads/?digest="+sha512, []byte("x")), 400, "DIGEST_INVALID", "only the algorithm sha256 is supported")
	c.hasManifest(repo, "v1", oci.MediaTypeImageManifest, body)
}

// H35 to H42 over the wire, and the texts of HTTP-16.
func TestHostileManifests(t *testing.T) {
	s := start(t)
	s.create(t, "hostile/manifests")
	const repo = "hostile/manifests"
	c := s.owner.as(t)
	kept := c.image(repo, "kept")
	good := string(c.manifest(repo))
	size := func(m map[string]any) { m["layers"].([]any)[0].(map[string]any)["size"] = 1 }
	for _, m := range []struct {
		rule, name, body, mediaType string
		status                      int
		code, message               string
	}{
		{"H35", "missing layer", string(c.manifest(repo, func(m map[string]any) { m["layers"] = []any{describe("x/y", []byte("none"))} })), oci.MediaTypeImageManifest,
			404, "MANIFEST_BLOB_UNKNOWN", "Layers with digests '[" + string(oci.FromBytes([]byte("none"))) + "]' required for pushing image into repository with name '" + repo + "'"},
		{"H37", "other size than stored", string(c.manifest(repo, size)), oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "200 are stored"},
		{"H37", "negative size", strings.Replace(good, `"size":200`, `"size":-200`, 1), oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "size"},
		{"H37", "float size", strings.Replace(good, `"size":200`, `"size":200.0`, 1), oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "size"},
		{"H38", "Content-Type differs", good, oci.MediaTypeDockerManifest, 400, "MANIFEST_INVALID", "differs"},
		{"H39", "layers and manifests", good[:len(good)-1] + `,"manifests":[]}`, oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "manifests"},
		{"H40", "duplicate key", good[:len(good)-1] + `,"layers":[]}`, oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "twice"},
		{"H40", "folded key", good[:len(good)-1] + `,"Layers":[]}`, oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "by case only"},
		{"H40", "byte order mark", "\xef\xbb\xbf" + good, oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "byte order mark"},
		{"H40", "invalid UTF-8", good[:len(good)-1] + ",\"x\":\"\xff\"}", oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "UTF-8"},
		{"H41", "truncated", good[:100], oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "too early"},
		{"H41", "trailing", good + "{}", oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "follows"},
		{"H41", "deep", good[:len(good)-1] + `,"x":` + strings.Repeat("[", 10_000), oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "deeply"},
		{"H41", "a million layers", strings.Replace(good, `"layers":[`, `"layers":[`+strings.Repeat("{},", 1_000_000), 1), oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "layers[0]"},
		{"H41", "5 MiB", good + strings.Repeat(" ", 5<<20), oci.MediaTypeImageManifest, 413, "SIZE_INVALID", ""},
		{"HTTP-16", "unsupported media type", good, "text/plain", 405, "UNSUPPORTED", "Invalid parameter at 'ImageManifest' failed to satisfy constraint:"},
		{"HTTP-16", "no JSON", "hello", oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "Invalid JSON syntax"},
		{"HTTP-16", "nothing", "", oci.MediaTypeImageManifest, 400, "MANIFEST_INVALID", "Invalid JSON syntax"},
		{"H36", "missing child", string(index(t, []byte("{}"))), oci.MediaTypeImageIndex, 400, "MANIFEST_BLOB_UNKNOWN", "Images with digests"},
	} {
		t.Run(m.rule+" "+m.name, func(t *testing.T) {
			c := c.as(t)
			for _, reference := range []string{"hostile", string(oci.FromBytes([]byte(m.body)))} {
				r := c.do("PUT", repo+"/manifests/"+reference, []byte(m.body), "Content-Type", m.mediaType)
				c.refused(r, m.status, m.code, m.message)
				c.refused(c.do("GET", repo+"/manifests/"+reference, nil), 404, "MANIFEST_UNKNOWN", "")
			}
			// H41: the same without a length.
			c.want(c.send("PUT", repo+"/manifests/hostile", unknownLength{strings.NewReader(m.body)}, "Content-Type", m.mediaType), m.status)
		})
	}
	// H42.
	c.refused(c.do("PUT", repo+"/manifests/"+string(oci.FromBytes([]byte("else"))), []byte(good), "Content-Type", oci.MediaTypeImageManifest), 400, "DIGEST_INVALID", "")
	c.hasManifest(repo, "kept", oci.MediaTypeImageManifest, kept)
}

// H45, H46, HTTP-16, API-68: immutable tags.
func TestImmutableTags(t *testing.T) {
	s := start(t)
	s.create(t, "hostile/immutable")
	const repo = "hostile/immutable"
	s.immutable(t, repo)
	c := s.owner.as(t)
	for _, tag := range []string{"v1", "latest"} {
		first, second := c.image(repo, tag), c.manifest(repo)
		c.pushManifest(repo, tag, oci.MediaTypeImageManifest, first) // the same again is no change
		c.refused(c.do("PUT", repo+"/manifests/"+tag, second, "Content-Type", oci.MediaTypeImageManifest), 400, "TAG_INVALID",
			"The image tag '"+tag+"' already exists in the '"+repo+"' repository and cannot be overwritten because the tag is immutable.")
		c.hasManifest(repo, tag, oci.MediaTypeImageManifest, first)
		// A push by digest with tags as parameters moves no tag either.
		c.want(c.do("PUT", repo+"/manifests/"+string(oci.FromBytes(second))+"?tag="+tag, second, "Content-Type", oci.MediaTypeImageManifest), 201, "Oci-Tag", "")
		c.hasManifest(repo, tag, oci.MediaTypeImageManifest, first)
		c.want(c.do("DELETE", repo+"/manifests/"+tag, nil), 202) // immutability does not stop deletion (API-72)
	}
}

// HTTP-8, H17: every route, for somebody of another account: refused, and no telling whether what is asked for exists.
func TestStranger(t *testing.T) {
	s := start(t)
	s.create(t, "hostile/secret")
	const repo = "hostile/secret"
	owner := s.owner.as(t)
	body := owner.image(repo, "v1")
	digest := string(oci.FromBytes(body))
	layer := layersOf(t, body)[0]
	at := owner.start(repo)
	c := s.stranger.as(t)
	none := string(oci.FromBytes([]byte("none")))
	for _, q := range []struct{ method, there, absent string }{
		{"GET", "/manifests/v1", "/manifests/none"},
		{"HEAD", "/manifests/v1", "/manifests/none"},
		{"GET", "/manifests/" + digest, "/manifests/" + none},
		{"PUT", "/manifests/v1", "/manifests/none"},
		{"DELETE", "/manifests/v1", "/manifests/none"},
		{"GET", "/blobs/" + layer, "/blobs/" + none},
		{"HEAD", "/blobs/" + layer, "/blobs/" + none},
		{"GET", "/referrers/" + digest, "/referrers/" + none},
		{"GET", "/tags/list", "/tags/list"},
		{"POST", "/blobs/uploads/", "/blobs/uploads/"},
		{"POST", "/blobs/uploads/?digest=" + layer, "/blobs/uploads/?digest=" + none},
		{"POST", "/blobs/uploads/?mount=" + layer + "&from=" + repo, "/blobs/uploads/?mount=" + none + "&from=" + repo},
		{"GET", strings.TrimPrefix(at, owner.path(repo, "")), "/blobs/uploads/x"},
		{"PATCH", strings.TrimPrefix(at, owner.path(repo, "")), "/blobs/uploads/x"},
		{"PUT", strings.TrimPrefix(at, owner.path(repo, "")) + "?digest=" + layer, "/blobs/uploads/x?digest=" + layer},
		{"DELETE", strings.TrimPrefix(at, owner.path(repo, "")), "/blobs/uploads/x"},
	} {
		there, absent := c.do(q.method, repo+q.there, []byte("x")), c.do(q.method, repo+q.absent, []byte("x"))
		nowhere := c.do(q.method, "hostile/nowhere"+q.there, []byte("x"))
		if q.method != "HEAD" {
			c.refused(there, 403, "DENIED", "is not authorized to perform: ecr:")
		}
		for _, a := range []*[]byte{&there.body, &absent.body, &nowhere.body} { // each names its own request
			*a = regexp.MustCompile(` \(request id: [^)]+\)`).ReplaceAll(*a, nil)
		}
		if there.status != 403 || absent.status != 403 || nowhere.status != 403 || !bytes.Equal(there.body, absent.body) ||
			!bytes.Equal(there.body, bytes.ReplaceAll(nowhere.body, []byte("hostile/nowhere"), []byte(repo))) {
			t.Errorf("%s %s: %d %s; absent %d %s; no repository %d %s", q.method, q.there, there.status, there.body, absent.status, absent.body, nowhere.status, nowhere.body)
		}
	}
	c.refused(c.do("GET", "_catalog", nil), 403, "DENIED", "ecr:DescribeRepositories")
	owner.want(owner.do("GET", at, nil), 204)
	owner.hasManifest(repo, "v1", oci.MediaTypeImageManifest, body)
}

// H11: other methods, and nothing of the credentials in the answer.
func TestOtherMethods(t *testing.T) {
	s := start(t)
	c := s.owner.as(t)
	for _, method := range []string{"TRACE", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"} {
		r := c.refused(c.do(method, "/v2/", nil), 405, "UNSUPPORTED", "")
		if strings.Contains(string(r.body), c.authorization) {
			t.Errorf("%s echoes the credentials", method)
		}
	}
	c.want(c.do("GET", "/v2/", nil), 200)
}

// H23: two writers of one upload: one wins, and the bytes are right.
func TestConcurrentChunks(t *testing.T) {
	s := start(t)
	s.create(t, "hostile/race")
	const repo = "hostile/race"
	c := s.owner.as(t)
	content := random(1 << 20)
	at := c.start(repo)
	statuses := make([]int, 8)
	var writers sync.WaitGroup
	for i := range statuses {
		writers.Go(func() {
			statuses[i] = c.do("PATCH", at, content, "Content-Range", fmt.Sprintf("0-%d", len(content)-1)).status
		})
	}
	writers.Wait()
	won := 0
	for _, status := range statuses {
		switch status {
		case http.StatusAccepted:
			won++
		case http.StatusConflict, http.StatusRequestedRangeNotSatisfiable:
		default:
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d of %v were accepted", won, statuses)
	}
	c.want(c.do("PUT", at+"?digest="+string(oci.FromBytes(content)), []byte{}), 201)
	c.hasBlob(repo, content)
}

// H24: the same layer from many clients at once.
func TestConcurrentPushesOfOneLayer(t *testing.T) {
	s := start(t)
	s.create(t, "hostile/same1")
	s.create(t, "hostile/same2")
	c := s.owner.as(t)
	content := random(100_000)
	var writers sync.WaitGroup
	for i := range 20 {
		writers.Go(func() { c.pushBlob(fmt.Sprintf("hostile/same%d", 1+i%2), content) })
	}
	writers.Wait()
	c.hasBlob("hostile/same1", content)
	c.hasBlob("hostile/same2", content)
}
