package distribution_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/lang/oci"
)

// client speaks HTTP to a berth as one principal, and keeps connections, so that an answer out of step shows.
type client struct {
	t             testing.TB
	base          string // "http://127.0.0.1:1234"
	prefix        string // what stands before repository names in URLs
	host          string // in the host form, the registry's
	authorization string
	http          http.Client
}

// as is c in another test.
func (c *client) as(t testing.TB) *client {
	same := &client{t: t, base: c.base, prefix: c.prefix, host: c.host, authorization: c.authorization}
	same.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(same.http.CloseIdleConnections)
	return same
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request. A path that does not begin with a slash is one after "/v2/" and the prefix. headers are names and values in turn.
func (c *client) do(method, path string, body []byte, headers ...string) *reply {
	c.t.Helper()
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	return c.send(method, path, in, headers...)
}

// send is do with a body of unknown length, if in is no *bytes.Reader.
func (c *client) send(method, path string, in io.Reader, headers ...string) *reply {
	c.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/v2/" + c.prefix + path
	}
	r, err := http.NewRequest(method, c.base+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Host = c.host
	if c.authorization != "" {
		r.Header.Set("Authorization", c.authorization)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	if v := answer.Header.Get("Docker-Distribution-Api-Version"); v != "registry/2.0" { // HTTP-3
		c.t.Errorf("%s %s: Docker-Distribution-Api-Version is %q", method, path, v)
	}
	return &reply{answer.StatusCode, answer.Header, content}
}

// want fails the test unless the answer has the status and the headers, names and values in turn; the value "*" is any but none, "" is none.
func (c *client) want(r *reply, status int, headers ...string) *reply {
	c.t.Helper()
	if r.status != status {
		c.t.Fatalf("status %d %s, want %d", r.status, r.body, status)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		got := r.header.Get(headers[i])
		if want := headers[i+1]; got != want && (want != "*" || got == "") {
			c.t.Fatalf("%s is %q, want %q", headers[i], got, want)
		}
	}
	return r
}

// refused fails the test unless the answer is the error envelope with the status, the code and a part of the message (HTTP-9).
func (c *client) refused(r *reply, status int, code string, message string) *reply {
	c.t.Helper()
	var body struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal(r.body, &body); err != nil || len(body.Errors) != 1 {
		c.t.Fatalf("status %d: %q is no error envelope", r.status, r.body)
	}
	if r.status != status || body.Errors[0].Code != code || !strings.Contains(body.Errors[0].Message, message) {
		c.t.Fatalf("status %d %s, want %d %s with %q", r.status, r.body, status, code, message)
	}
	if body.Errors[0].Message == "" || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
		c.t.Fatalf("%v %s", r.header, r.body)
	}
	return r
}

// path is the path of a URL that names something of the repository, as Location does.
func (c *client) path(repository, rest string) string { return "/v2/" + c.prefix + repository + rest }

// start begins an upload and returns its Location.
func (c *client) start(repository string) string {
	c.t.Helper()
	r := c.want(c.do("POST", repository+"/blobs/uploads/", []byte{}), 202, "Location", "*", "Docker-Upload-Uuid", "*", "Range", "0-0")
	location := r.header.Get("Location")
	if location != c.path(repository, "/blobs/uploads/"+r.header.Get("Docker-Upload-Uuid")) { // H16: relative
		c.t.Fatalf("Location is %q", location)
	}
	return location
}

// pushBlob uploads content with POST and PUT.
func (c *client) pushBlob(repository string, content []byte) oci.Digest {
	c.t.Helper()
	d := oci.FromBytes(content)
	c.want(c.do("PUT", c.start(repository)+"?digest="+string(d), content, "Content-Type", "application/octet-stream"), 201,
		"Location", c.path(repository, "/blobs/"+string(d)), "Docker-Content-Digest", string(d))
	return d
}

// pushManifest puts a manifest under a tag, or by its digest if reference is "".
func (c *client) pushManifest(repository, reference, mediaType string, body []byte) oci.Digest {
	c.t.Helper()
	d := oci.FromBytes(body)
	if reference == "" {
		reference = string(d)
	}
	c.want(c.do("PUT", repository+"/manifests/"+reference, body, "Content-Type", mediaType), 201,
		"Location", c.path(repository, "/manifests/"+string(d)), "Docker-Content-Digest", string(d))
	return d
}

// hasManifest fails the test unless the manifest can be pulled by reference as it was pushed, and HEAD says the same (HTTP-12, H10).
func (c *client) hasManifest(repository, reference, mediaType string, body []byte) {
	c.t.Helper()
	for _, method := range []string{"GET", "HEAD"} {
		r := c.want(c.do(method, repository+"/manifests/"+reference, nil), 200, "Content-Type", mediaType, "Content-Length", strconv.Itoa(len(body)),
			"Docker-Content-Digest", string(oci.FromBytes(body)), "Etag", `"`+string(oci.FromBytes(body))+`"`)
		if method == "GET" && !bytes.Equal(r.body, body) || method == "HEAD" && len(r.body) != 0 {
			c.t.Fatalf("%s of %s: %q", method, reference, r.body)
		}
	}
}

// hasBlob is hasManifest for blobs (HTTP-18).
func (c *client) hasBlob(repository string, content []byte) {
	c.t.Helper()
	d := string(oci.FromBytes(content))
	for _, method := range []string{"GET", "HEAD"} {
		r := c.want(c.do(method, repository+"/blobs/"+d, nil), 200, "Content-Type", "application/octet-stream", "Content-Length", strconv.Itoa(len(content)),
			"Docker-Content-Digest", d, "Accept-Ranges", "bytes", "Etag", `"`+d+`"`)
		if method == "GET" && !bytes.Equal(r.body, content) || method == "HEAD" && len(r.body) != 0 {
			c.t.Fatalf("%s of %s: %d bytes", method, d, len(r.body))
		}
	}
}

// image pushes an image of one layer under a tag and returns its manifest.
func (c *client) image(repository, tag string, change ...func(m map[string]any)) []byte {
	c.t.Helper()
	body := c.manifest(repository, change...)
	c.pushManifest(repository, tag, oci.MediaTypeImageManifest, body)
	return body
}

// manifest pushes a config and a layer and returns a manifest of them, which is not pushed.
func (c *client) manifest(repository string, change ...func(m map[string]any)) []byte {
	c.t.Helper()
	config, layer := random(50), random(200)
	c.pushBlob(repository, config)
	c.pushBlob(repository, layer)
	m := map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest,
		"config": describe("application/vnd.oci.image.config.v1+json", config),
		"layers": []any{describe("application/vnd.oci.image.layer.v1.tar+gzip", layer)},
	}
	for _, f := range change {
		f(m)
	}
	return encode(c.t, m)
}

func index(t testing.TB, children ...[]byte) []byte {
	manifests := []any{}
	for _, child := range children {
		var m struct{ MediaType string }
		if err := json.Unmarshal(child, &m); err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, describe(m.MediaType, child))
	}
	return encode(t, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": manifests})
}

func describe(mediaType string, content []byte) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": oci.FromBytes(content), "size": len(content)}
}

func encode(t testing.TB, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// unknownLength hides how long a body is, so that it is sent in chunks.
type unknownLength struct{ io.Reader }

// stumble sends a request whose body breaks off, and expects no answer.
func (c *client) stumble(method, path string, in io.Reader) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.base+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", c.authorization)
	if answer, err := c.http.Do(r); err == nil {
		_ = answer.Body.Close()
		c.t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
}

// eventually waits until done, for as long as the test may take.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}
