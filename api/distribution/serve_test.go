package distribution_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-registry/berth/lang/oci"
)

// dial opens a connection of its own, to see what is on the wire.
func (c *client) dial() (net.Conn, *bufio.Reader) {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.base, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn, bufio.NewReader(conn)
}

// H34: who may not, is told so before the body is sent.
func TestExpectContinue(t *testing.T) {
	s := start(t)
	s.create(t, "serve/expect")
	at := s.owner.as(t).start("serve/expect")
	for name, c := range map[string]struct {
		authorization, path string
		status              int
	}{
		"without credentials": {"nobody", at, 401},
		"without permission":  {s.stranger.authorization, at, 403},
		"wrong digest":        {s.owner.authorization, at + "?digest=x", 400},
		"no such upload":      {s.owner.authorization, strings.TrimRight(at, "0123456789abcdef") + "000000000000", 404},
		"no such repository":  {s.owner.authorization, strings.Replace(at, "serve/expect", "serve/none", 1), 404},
	} {
		t.Run(name, func(t *testing.T) {
			method := "PATCH"
			if strings.Contains(c.path, "?") {
				method = "PUT"
			}
			conn, in := s.owner.as(t).dial()
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 10737418240\r\nExpect: 100-continue\r\n\r\n", method, c.path, c.authorization)
			answer, err := http.ReadResponse(in, nil)
			if err != nil || answer.StatusCode != c.status {
				t.Fatalf("%v %v, want %d", answer, err, c.status)
			}
		})
	}
	t.Run("a manifest that is too large", func(t *testing.T) {
		conn, in := s.owner.as(t).dial()
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 10737418240\r\nExpect: 100-continue\r\n\r\n",
			s.owner.path("serve/expect", "/manifests/v1"), s.owner.authorization)
		answer, err := http.ReadResponse(in, nil)
		if err != nil || answer.StatusCode != 413 {
			t.Fatalf("%v %v, want 413", answer, err)
		}
	})
	t.Run("who may is told to go on", func(t *testing.T) {
		conn, in := s.owner.as(t).dial()
		fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", at, s.owner.authorization)
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			t.Fatalf("%q, %v", line, err)
		}
		_, _ = in.ReadString('\n')
		_, _ = io.WriteString(conn, "abc")
		answer, err := http.ReadResponse(in, nil)
		if err != nil || answer.StatusCode != 202 {
			t.Fatalf("%v %v, want 202", answer, err)
		}
	})
}

// H10: a connection that is kept stays in step, whatever is asked for on it.
func TestKeepAlive(t *testing.T) {
	s := start(t)
	s.create(t, "serve/alive")
	const repo = "serve/alive"
	owner := s.owner.as(t)
	body := owner.image(repo, "v1")
	layer := string(owner.pushBlob(repo, random(100_000)))
	conn, in := owner.dial()
	for i, q := range []struct {
		method, path, header string
		status               int
	}{
		{"HEAD", "/manifests/v1", "", 200},
		{"GET", "/manifests/v1", "", 200},
		{"HEAD", "/blobs/" + layer, "", 200},
		{"GET", "/blobs/" + layer, "Range: bytes=10-19", 206},
		{"GET", "/blobs/" + layer, "Range: bytes=100000-", 416},
		{"GET", "/blobs/" + layer, "If-None-Match: \"" + layer + "\"", 304},
		{"GET", "/manifests/v1", "If-None-Match: \"" + string(oci.FromBytes(body)) + "\"", 304},
		{"HEAD", "/manifests/none", "", 404},
		{"DELETE", "/blobs/" + layer, "", 405},
		{"GET", "/blobs/" + layer, "", 200},
		{"GET", "/tags/list", "", 200},
	} {
		if q.header != "" {
			q.header += "\r\n"
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n", q.method, owner.path(repo, q.path), owner.authorization, q.header)
		r, _ := http.NewRequest(q.method, "http://x/", nil)
		answer, err := http.ReadResponse(in, r)
		if err != nil || answer.StatusCode != q.status {
			t.Fatalf("%d. %s %s: %v %v, want %d", i, q.method, q.path, answer, err, q.status)
		}
		got, err := io.ReadAll(answer.Body)
		if err != nil || q.method == "GET" && q.status < 300 && strconv.Itoa(len(got)) != answer.Header.Get("Content-Length") {
			t.Fatalf("%d. %s %s: %d bytes, %v", i, q.method, q.path, len(got), err)
		}
	}
}

// H16: nothing that a client can write into a header stands in a Location.
func TestLocationIgnoresHeaders(t *testing.T) {
	s := start(t)
	s.create(t, "serve/host")
	c := s.owner.as(t)
	r := c.do("POST", "serve/host/blobs/uploads/", []byte{}, "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "gopher", "Forwarded", "host=evil.example")
	if at := r.header.Get("Location"); !strings.HasPrefix(at, c.path("serve/host", "/blobs/uploads/")) {
		t.Errorf("Location is %q", at)
	}
}

// The host form: the host names the registry, and URLs hold only the repository.
func TestHostForm(t *testing.T) {
	s := start(t)
	s.create(t, "serve/form")
	s.create(t, "serve/form2")
	c := s.owner.as(t)
	c.prefix, c.host = "", account+".dkr.ecr."+region+"."+domain
	body := c.image("serve/form", "v1") // checks the Locations
	c.hasManifest("serve/form", "v1", oci.MediaTypeImageManifest, body)
	if r := c.do("GET", "serve/form/tags/list", nil); string(r.body) != `{"name":"serve/form","tags":["v1"]}` {
		t.Errorf("%s", r.body)
	}
	if r := c.do("GET", "_catalog?n=1", nil); string(r.body) != `{"repositories":["serve/form"]}` || r.header.Get("Link") != `</v2/_catalog?last=serve%2Fform&n=1>; rel="next"` {
		t.Errorf("%s %v", r.body, r.header)
	}
	s.mounting(t, true)
	layer := layersOf(t, body)[0]
	c.want(c.do("POST", "serve/form2/blobs/uploads/?from=serve/form&mount="+layer, []byte{}), 201, "Location", "/v2/serve/form2/blobs/"+layer)
}

// HTTP-21: the switch for clients that were made for AWS's answer to a chunk.
func TestChunkCreated(t *testing.T) {
	s := start(t)
	s.create(t, "serve/created")
	s.door.ChunkCreated = true
	c := s.owner.as(t)
	at := c.start("serve/created")
	c.want(c.do("PATCH", at, []byte("abc")), 201, "Range", "0-2", "Location", at)
	c.want(c.do("PUT", at+"?digest="+string(oci.FromBytes([]byte("abc"))), []byte{}), 201)
}

// A GET costs few allocations in the door and below: this is the road of every pull.
func BenchmarkManifestByTag(b *testing.B) {
	benchmark(b, func(c *client, repo string) string {
		c.image(repo, "v1")
		return repo + "/manifests/v1"
	})
}

func BenchmarkSmallBlob(b *testing.B) {
	benchmark(b, func(c *client, repo string) string { return repo + "/blobs/" + string(c.pushBlob(repo, random(1024))) })
}

func BenchmarkLargeBlob(b *testing.B) {
	benchmark(b, func(c *client, repo string) string {
		return repo + "/blobs/" + string(c.pushBlob(repo, random(100<<20)))
	})
}

// benchmark measures the handler without the network.
func benchmark(b *testing.B, prepare func(c *client, repo string) string) {
	s := start(b)
	s.create(b, "serve/bench")
	c := s.owner.as(b)
	path := prepare(c, "serve/bench")
	r, err := http.NewRequest(http.MethodGet, "/v2/"+pathForm+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", c.authorization)
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		s.handler.ServeHTTP(w, r)
		if w.status != 200 {
			b.Fatal(w.status)
		}
		b.SetBytes(w.bytes)
	}
}

// sink is a ResponseWriter that forgets.
type sink struct {
	header http.Header
	status int
	bytes  int64
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return len(p), nil
}

// kernel is a sink that sees what it could hand to the kernel.
type kernel struct {
	sink
	files int
}

func (k *kernel) ReadFrom(in io.Reader) (int64, error) {
	if part, ok := in.(*io.LimitedReader); ok {
		if _, ok := part.R.(*os.File); ok {
			k.files++
		}
	}
	return io.Copy(&k.sink, in)
}

// A large blob reaches the ResponseWriter as a file, which net/http gives to sendfile, once it was compared with its digest on its way; so does a part of it, always.
func TestLargeBlobsAreFiles(t *testing.T) {
	s := start(t)
	s.create(t, "serve/files")
	c := s.owner.as(t)
	digest := string(c.pushBlob("serve/files", random(200_000)))
	for _, step := range []struct {
		header string
		want   int64
		files  int
	}{{"bytes=1000-", 199_000, 1}, {"", 200_000, 0}, {"", 200_000, 1}, {"bytes=1000-", 199_000, 1}} {
		header, want := step.header, step.want
		r, err := http.NewRequest(http.MethodGet, c.path("serve/files", "/blobs/"+digest), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", c.authorization)
		r.Header.Set("Range", header)
		w := &kernel{sink: sink{header: http.Header{}}}
		s.handler.ServeHTTP(w, r)
		if w.files != step.files || w.bytes != want {
			t.Errorf("%q: %d files, %d bytes, status %d", header, w.files, w.bytes, w.status)
		}
	}
}
