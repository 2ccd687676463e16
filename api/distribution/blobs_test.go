package distribution_test

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-registry/berth/lang/oci"
)

// HTTP-18, HTTP-19, HTTP-21, HTTP-24, HTTP-25, HTTP-32: every way to push a blob.
func TestPushBlobs(t *testing.T) {
	s := start(t)
	s.create(t, "push/blobs")
	c := s.owner.as(t)
	const repo = "push/blobs"
	for name, push := range map[string]func(c *client, content []byte, digest string) *reply{
		"POST then PUT": func(c *client, content []byte, digest string) *reply {
			return c.do("PUT", c.start(repo)+"?digest="+digest, content)
		},
		"POST alone": func(c *client, content []byte, digest string) *reply {
			return c.do("POST", repo+"/blobs/uploads/?digest="+digest, content)
		},
		"POST without the last slash": func(c *client, content []byte, digest string) *reply {
			return c.do("POST", repo+"/blobs/uploads?digest="+digest, content)
		},
		"a stream": func(c *client, content []byte, digest string) *reply {
			at := c.start(repo)
			r := c.want(c.send("PATCH", at, unknownLength{bytes.NewReader(content)}), 202, "Range", "0-"+strconv.Itoa(max(len(content)-1, 0)), "Location", at)
			return c.do("PUT", r.header.Get("Location")+"?digest="+digest, []byte{})
		},
		"a stream into PUT": func(c *client, content []byte, digest string) *reply {
			return c.send("PUT", c.start(repo)+"?digest="+digest, unknownLength{bytes.NewReader(content)})
		},
		"an escaped digest, and parameters of the client's own": func(c *client, content []byte, digest string) *reply {
			return c.do("PUT", c.start(repo)+"/?_state=x&digest="+strings.ReplaceAll(digest, ":", "%3A")+"&_other=y", content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := c.as(t)
			for _, size := range []int{0, 1, 1000, 100_000} {
				content := random(size)
				digest := string(oci.FromBytes(content))
				if size == 0 && strings.Contains(name, "POST alone") || size == 0 && strings.Contains(name, "slash") {
					continue // an empty body there is the start of an upload
				}
				c.want(push(c, content, digest), 201, "Location", c.path(repo, "/blobs/"+digest), "Docker-Content-Digest", digest)
				c.hasBlob(repo, content)
				c.want(push(c, content, digest), 201) // HTTP-24: once more
			}
		})
	}
	t.Run("POST with a digest but no body begins an upload", func(t *testing.T) {
		c := c.as(t)
		content := random(10)
		r := c.want(c.do("POST", repo+"/blobs/uploads/?digest="+string(oci.FromBytes(content)), []byte{}), 202, "Location", "*")
		c.want(c.do("PUT", r.header.Get("Location")+"?digest="+string(oci.FromBytes(content)), content), 201)
	})
}

// HTTP-21 to HTTP-23, H20: chunks, in and out of order.
func TestChunkedUpload(t *testing.T) {
	s := start(t)
	s.create(t, "push/chunks")
	const repo = "push/chunks"
	content := random(30_000)
	digest := string(oci.FromBytes(content))
	chunk := func(c *client, method, at string, first, last int) *reply {
		return c.do(method, at, content[first:last+1], "Content-Range", fmt.Sprintf("%d-%d", first, last), "Content-Type", "application/octet-stream")
	}
	status := func(c *client, at, want string) {
		c.t.Helper()
		c.want(c.do("GET", at, nil), 204, "Range", want, "Location", at, "Docker-Upload-Uuid", "*")
	}
	t.Run("in order", func(t *testing.T) {
		c := s.owner.as(t)
		at := c.start(repo)
		status(c, at, "0-0")
		c.want(chunk(c, "PATCH", at, 0, 9_999), 202, "Range", "0-9999", "Location", at)
		status(c, at, "0-9999")
		c.want(chunk(c, "PATCH", at, 10_000, 19_999), 202, "Range", "0-19999")
		c.want(chunk(c, "PUT", at+"?digest="+digest, 20_000, 29_999), 201, "Location", c.path(repo, "/blobs/"+digest), "Range", "")
		c.hasBlob(repo, content)
		c.refused(c.do("GET", at, nil), 404, "BLOB_UPLOAD_UNKNOWN", "")
	})
	t.Run("out of order", func(t *testing.T) {
		c := s.owner.as(t)
		at := c.start(repo)
		c.refused(c.want(chunk(c, "PATCH", at, 10_000, 19_999), 416, "Location", at), 416, "BLOB_UPLOAD_INVALID", "")
		c.want(chunk(c, "PATCH", at, 0, 9_999), 202, "Range", "0-9999")
		for _, first := range []int{0, 5_000, 9_999, 10_001, 20_000} { // H20: gaps and overlaps
			r := c.want(chunk(c, "PATCH", at, first, first+9_999), 416, "Range", "0-9999", "Location", at)
			c.refused(r, 416, "BLOB_UPLOAD_INVALID", "")
			status(c, at, "0-9999")
		}
		c.refused(chunk(c, "PUT", at+"?digest="+digest, 20_000, 29_999), 416, "BLOB_UPLOAD_INVALID", "")
		c.want(chunk(c, "PATCH", at, 10_000, 29_999), 202, "Range", "0-29999")
		c.want(c.do("PUT", at+"?digest="+digest, []byte{}), 201)
		c.hasBlob(repo, content)
	})
	t.Run("Content-Range and the body differ (H21)", func(t *testing.T) {
		c := s.owner.as(t)
		at := c.start(repo)
		c.refused(c.do("PATCH", at, content[:10], "Content-Range", "0-10"), 400, "SIZE_INVALID", "")
		c.refused(c.do("PATCH", at, content[:10], "Content-Range", "bytes 0-9/10"), 400, "SIZE_INVALID", "")
		c.refused(c.do("PATCH", at, content[:10], "Content-Range", "9-0"), 400, "SIZE_INVALID", "")
		c.refused(c.do("PATCH", at, content[:10], "Content-Range", "0-9", "Content-Range", "0-9"), 400, "SIZE_INVALID", "")
		status(c, at, "0-0")
		c.refused(c.send("PATCH", at, unknownLength{bytes.NewReader(content[:10])}, "Content-Range", "0-20"), 400, "SIZE_INVALID", "")
		status(c, at, "0-9") // what came is kept, and said
		c.refused(c.send("PATCH", at, unknownLength{bytes.NewReader(content[10:40])}, "Content-Range", "10-19"), 400, "SIZE_INVALID", "")
		status(c, at, "0-19")
		c.want(c.do("PUT", at+"?digest="+digest, content[20:]), 201)
		c.hasBlob(repo, content)
	})
	t.Run("cancel", func(t *testing.T) {
		c := s.owner.as(t)
		at := c.start(repo)
		c.want(c.do("DELETE", at, nil), 204)
		c.refused(c.do("GET", at, nil), 404, "BLOB_UPLOAD_UNKNOWN", "")
		c.refused(c.do("DELETE", at, nil), 404, "BLOB_UPLOAD_UNKNOWN", "")
	})
}

// H18, H19, H22, H25.
func TestUploadErrors(t *testing.T) {
	s := start(t)
	s.create(t, "push/errors")
	s.create(t, "push/other")
	const repo = "push/errors"
	content := random(1000)
	digest := string(oci.FromBytes(content))
	c := s.owner.as(t)

	wrong := string(oci.FromBytes([]byte("else")))
	c.refused(c.do("PUT", c.start(repo)+"?digest="+wrong, content), 400, "DIGEST_INVALID", "")
	c.refused(c.do("POST", repo+"/blobs/uploads/?digest="+wrong, content), 400, "DIGEST_INVALID", "")
	c.want(c.do("HEAD", repo+"/blobs/"+wrong, nil), 404)
	c.refused(c.do("GET", repo+"/blobs/"+wrong, nil), 404, "BLOB_UNKNOWN", "")
	c.refused(c.do("GET", repo+"/blobs/"+digest, nil), 404, "BLOB_UNKNOWN", "")

	at := c.start(repo)
	for _, query := range []string{"", "?digest=", "?digest=" + digest + "&digest=" + digest, "?digest=sha256:baddigeststring", "?digest=sha512:" + strings.Repeat("a", 128), "?Digest=" + digest} {
		c.refused(c.do("PUT", at+query, content), 400, "DIGEST_INVALID", "")
	}
	c.want(c.do("PUT", at+"?digest="+digest, content), 201) // none of them did harm
	c.refused(c.do("PUT", at+"?digest="+digest, content), 404, "BLOB_UPLOAD_UNKNOWN", "")

	// H25.
	at = c.start(repo)
	id := at[strings.LastIndex(at, "/")+1:]
	for _, path := range []string{
		"push/other/blobs/uploads/" + id, repo + "/blobs/uploads/00000000-0000-4000-8000-000000000000", repo + "/blobs/uploads/x", repo + "/blobs/uploads/..%2f" + id,
		repo + "/blobs/uploads/%00", repo + "/blobs/uploads/" + strings.ToUpper(id) + "x",
	} {
		for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
			c.refused(c.do(method, path+"?digest="+digest, nil), 404, "BLOB_UPLOAD_UNKNOWN", "")
		}
	}
	c.want(c.do("GET", at, nil), 204)

	// H22: a body that ends early is kept as far as it came.
	in, out := io.Pipe()
	go func() {
		_, _ = out.Write(content[:600])
		_ = out.CloseWithError(fmt.Errorf("the client stumbles"))
	}()
	c.stumble("PATCH", at, in)
	eventually(t, func() bool { return c.do("GET", at, nil).header.Get("Range") == "0-599" })
	c.want(c.do("PATCH", at, content[600:], "Content-Range", "600-999"), 202, "Range", "0-999")
	c.want(c.do("PUT", at+"?digest="+digest, []byte{}), 201)
	c.hasBlob(repo, content)
}

// H07, H08, H09, H10.
func TestBlobRanges(t *testing.T) {
	s := start(t)
	s.create(t, "pull/ranges")
	const repo = "pull/ranges"
	c := s.owner.as(t)
	for _, size := range []int{5000, 200_000} { // read at once, and sent by the kernel
		content := random(size)
		digest := string(c.pushBlob(repo, content))
		path := repo + "/blobs/" + digest
		for header, want := range map[string][2]int{
			"bytes=0-9": {0, 10}, "bytes=4990-": {4990, size}, "bytes=-10": {size - 10, size}, "bytes=0-": {0, size}, "bytes=500-1499": {500, 1500},
			fmt.Sprintf("bytes=%d-", size-1): {size - 1, size}, fmt.Sprintf("bytes=-%d", size*2): {0, size}, fmt.Sprintf("bytes=100-%d", size*2): {100, size},
		} {
			r := c.want(c.do("GET", path, nil, "Range", header), 206, "Content-Length", strconv.Itoa(want[1]-want[0]),
				"Content-Range", fmt.Sprintf("bytes %d-%d/%d", want[0], want[1]-1, size), "Docker-Content-Digest", digest)
			if !bytes.Equal(r.body, content[want[0]:want[1]]) {
				t.Errorf("%s: other bytes", header)
			}
		}
		for _, header := range []string{fmt.Sprintf("bytes=%d-", size), "bytes=9-2", "bytes=0-99999999999999999999", "bytes=-0"} {
			c.refused(c.want(c.do("GET", path, nil, "Range", header), 416, "Content-Range", fmt.Sprintf("bytes */%d", size)), 416, "BLOB_UPLOAD_INVALID", "")
		}
		for _, header := range []string{"lines=0-1", "bytes=0-1,2-3", "bytes=" + strings.Repeat("0-,", 10_000) + "0-"} {
			if r := c.want(c.do("GET", path, nil, "Range", header), 200); !bytes.Equal(r.body, content) {
				t.Errorf("%.20s: other bytes", header)
			}
		}
		c.want(c.do("GET", path, nil, "Range", "bytes=0-9", "If-Range", `"sha256:other"`), 200)
		c.want(c.do("GET", path, nil, "Range", "bytes=0-9", "If-Range", `"`+digest+`"`), 206)
		if r := c.want(c.do("GET", path, nil, "If-None-Match", `"`+digest+`"`), 304, "Docker-Content-Digest", digest); len(r.body) != 0 {
			t.Errorf("304 with a body")
		}
		c.hasBlob(repo, content)
	}
}

// HTTP-20, H30, H31, H32.
func TestMount(t *testing.T) {
	s := start(t)
	s.create(t, "mount/from")
	s.create(t, "mount/to")
	c := s.owner.as(t)
	pushed := c.image("mount/from", "v1")
	layer := layersOf(t, pushed)[0]
	lonely := c.pushBlob("mount/from", random(100)) // referenced by no manifest
	mount := func(digest, from string) *reply {
		c.t.Helper()
		c.refused(c.do("GET", "mount/to/blobs/"+digest, nil), 404, "BLOB_UNKNOWN", "") // H32
		return c.do("POST", "mount/to/blobs/uploads/?mount="+digest+"&from="+from, []byte{})
	}
	here := c.prefix + "mount/from"
	c.want(mount(layer, here), 202, "Location", "*") // H31: switched off
	s.mounting(t, true)
	for name, m := range map[string][2]string{
		"no such repository": {layer, c.prefix + "mount/none"}, "no repository's name": {layer, c.prefix + "Mount/../x"}, "no source": {layer, ""},
		"no such blob": {string(oci.FromBytes([]byte("else"))), here}, "referenced by no image": {string(lonely), here}, "itself": {layer, c.prefix + "mount/to"},
	} {
		r := mount(m[0], m[1])
		if r.status != 202 || r.header.Get("Docker-Upload-Uuid") == "" || r.header.Get("Docker-Content-Digest") != "" || len(r.body) != 0 {
			t.Errorf("%s: %d %v %s", name, r.status, r.header, r.body)
		}
	}
	c.want(c.do("POST", "mount/to/blobs/uploads/?mount=sha256:bad&from="+here, []byte{}), 202)
	c.want(mount(layer, here), 201, "Location", c.path("mount/to", "/blobs/"+layer), "Docker-Content-Digest", layer)
	c.want(c.do("GET", "mount/to/blobs/"+layer, nil), 200)
	s.mounting(t, false)
}
