package blob_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/blobtest"
	"github.com/berth-registry/berth/storage/blob/s3test"
)

const mib = 1 << 20

func TestS3(t *testing.T) {
	server := s3test.Start(t)
	blobtest.Run(t, func(t *testing.T) blobtest.Place {
		prefix := "cell/" + uuid.NewString()
		return func() blob.Store { return open(t, server.URL(prefix)) }
	})
	for _, c := range []struct {
		name string
		test func(t *testing.T, server *s3test.Server)
	}{
		{"redirect", testRedirect},
		{"more uploads than buffers", testManyUploads},
		{"two nodes write one upload (H23)", testTwoNodes},
		{"server slows down (F15)", testSlowDown},
		{"server is away (F15)", testAway},
		{"completion that failed with 200 (F16)", testCompletionFailed},
		{"completion without an answer (F16)", testCompletionUnanswered},
		{"object that lost its end (F16)", testObjectShortened},
		{"object not seen at once (F17)", testObjectLate},
		{"read that breaks off", testReadBroken},
		{"no multipart upload left behind (F17)", testNothingLeft},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of them wait for retries
			c.test(t, server)
		})
	}
}

func open(t testing.TB, url string) blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// proxy stands between a store and the server. spoil, once set, sees each request first and says whether it has answered it.
type proxy struct {
	*httptest.Server
	pass  *httputil.ReverseProxy
	spoil atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

func between(t *testing.T, server *s3test.Server) (*proxy, blob.Store) {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{pass: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if spoil := p.spoil.Load(); spoil == nil || !(*spoil)(w, r) {
			p.pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p, open(t, server.URLAt(p.URL, uuid.NewString()))
}

func (p *proxy) set(spoil func(w http.ResponseWriter, r *http.Request) bool) { p.spoil.Store(&spoil) }
func (p *proxy) heal()                                                       { p.spoil.Store(nil) }

// completes reports whether r is CompleteMultipartUpload.
func completes(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

func answerXML(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>m</Message><RequestId>1</RequestId></Error>", code)
}

// wantUnavailable fails t unless err tells the client to try again, and nothing of the server behind.
func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Code != fault.Unavailable || strings.Contains(f.Message, "127.0.0.1") || strings.Contains(f.Message, "S3") {
		t.Fatalf("a broken server is reported as %v", err)
	}
}

func begin(t *testing.T, s blob.Store, content []byte) *blob.Upload {
	t.Helper()
	u := blobtest.NewUpload()
	if err := s.Append(t.Context(), u, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return u
}

func testRedirect(t *testing.T, server *s3test.Server) {
	prefix, content := uuid.NewString(), blobtest.Bytes(1, 100_000)
	plain := open(t, server.URL(prefix))
	u := blobtest.Push(t, plain, content)
	if url, ok := plain.URL(t.Context(), u.Key(), blob.Disposition{}); ok {
		t.Errorf("without redirect=true there is a URL: %s", url)
	}
	for _, options := range [][]string{{"redirect=true"}, {"redirect=true", "redirect-endpoint=" + strings.Replace(server.Endpoint, "127.0.0.1", "localhost", 1)}} {
		s := open(t, server.URL(prefix, options...))
		link, ok := s.URL(t.Context(), u.Key(), blob.Disposition{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Expires: 30 * time.Hour})
		if !ok {
			t.Fatal("there is no URL")
		}
		parsed, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		if expires := parsed.Query().Get("X-Amz-Expires"); expires != "3600" {
			t.Errorf("the URL works for %s seconds", expires)
		}
		if (len(options) == 2) != (parsed.Hostname() == "localhost") {
			t.Errorf("the URL is at %s", parsed.Host)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !bytes.Equal(got, content) || response.Header.Get("Content-Type") != "application/vnd.oci.image.layer.v1.tar+gzip" {
			t.Errorf("the URL answers %s, %q, %d bytes, %v", response.Status, response.Header.Get("Content-Type"), len(got), err)
		}
	}
}

// TestS3EndpointOfShell: the shell that starts berth has AWS_ENDPOINT_URL point at berth, for the aws CLI.
func TestS3EndpointOfShell(t *testing.T) {
	server := s3test.Start(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
	s := open(t, server.URL(uuid.NewString()))
	u := blobtest.Push(t, s, []byte("x"))
	blobtest.Holds(t, s, u.Key(), []byte("x"))
}

// testManyUploads has more uploads at once than there are part buffers, all of more than one part: they wait for each other, and none for ever.
func testManyUploads(t *testing.T, server *s3test.Server) {
	s, content := open(t, server.URL(uuid.NewString())), blobtest.Bytes(2, 17*mib)
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			u := blobtest.NewUpload()
			if err := s.Append(t.Context(), u, bytes.NewReader(content)); err != nil {
				t.Errorf("Append: %v", err)
			} else if err := s.Abort(t.Context(), u); err != nil {
				t.Errorf("Abort: %v", err)
			}
		})
	}
	all.Wait()
}

// testTwoNodes: what two nodes make of one upload is the content whose row wins, or nothing; never a mixture.
func testTwoNodes(t *testing.T, server *s3test.Server) {
	prefix := uuid.NewString()
	a, b := open(t, server.URL(prefix)), open(t, server.URL(prefix))
	first, one, other := blobtest.Bytes(3, 9*mib), blobtest.Bytes(4, 9*mib), blobtest.Bytes(5, 9*mib)
	u := begin(t, a, first)
	rowOfA, rowOfB := *u, *u
	if err := a.Append(t.Context(), &rowOfA, bytes.NewReader(one)); err != nil {
		t.Fatal(err)
	}
	if err := b.Append(t.Context(), &rowOfB, bytes.NewReader(other)); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(t.Context(), &rowOfA); !fault.Is(err, fault.UploadNotFound) {
		t.Errorf("Commit of parts that another node has overwritten: %v", err)
	}
	if err := b.Commit(t.Context(), &rowOfB); err != nil {
		t.Fatal(err)
	}
	blobtest.Holds(t, a, rowOfB.Key(), append(append([]byte{}, first...), other...))
	if err := a.Commit(t.Context(), &rowOfA); !fault.Is(err, fault.UploadNotFound) {
		t.Errorf("Commit where another node has put other content of the same size: %v", err)
	}
}

func testSlowDown(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	content := blobtest.Bytes(6, 9*mib)
	u := begin(t, s, content)
	before := *u
	var refused atomic.Int32
	p.set(func(w http.ResponseWriter, _ *http.Request) bool {
		refused.Add(1)
		answerXML(w, http.StatusServiceUnavailable, "SlowDown")
		return true
	})
	wantUnavailable(t, s.Append(t.Context(), u, bytes.NewReader(content)))
	if n := refused.Load(); n < 2 || n > 20 {
		t.Errorf("the server was asked %d times", n)
	}
	if u.Size != before.Size || !bytes.Equal(u.State, before.State) {
		t.Error("the upload has changed")
	}
	wantUnavailable(t, s.Commit(t.Context(), u))
	refused.Store(0)
	p.set(func(w http.ResponseWriter, _ *http.Request) bool { // every other request
		if refused.Add(1)%2 == 1 {
			answerXML(w, http.StatusServiceUnavailable, "SlowDown")
			return true
		}
		return false
	})
	if err := s.Append(t.Context(), u, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	p.heal()
	blobtest.Holds(t, s, u.Key(), append(append([]byte{}, content...), content...))
}

func testAway(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	u := blobtest.Push(t, s, blobtest.Bytes(7, 100_000))
	p.Close()
	_, err := s.Open(t.Context(), u.Key(), u.Size)
	wantUnavailable(t, err)
	wantUnavailable(t, s.Delete(t.Context(), u.Key()))
	wantUnavailable(t, s.Walk(t.Context(), func(blob.Key, int64, time.Time) error { return nil }))
	_, err = s.Sweep(t.Context(), time.Now(), func(string) (bool, error) { return false, nil })
	wantUnavailable(t, err)
	wantUnavailable(t, s.Append(t.Context(), blobtest.NewUpload(), bytes.NewReader(blobtest.Bytes(8, 9*mib))))
}

func testCompletionFailed(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	content := blobtest.Bytes(9, 9*mib)
	u := begin(t, s, content)
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if completes(r) {
			answerXML(w, http.StatusOK, "InternalError")
		}
		return completes(r)
	})
	wantUnavailable(t, s.Commit(t.Context(), u))
	p.heal()
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	blobtest.Holds(t, s, u.Key(), content)
}

func testCompletionUnanswered(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	content := blobtest.Bytes(10, 9*mib)
	u := begin(t, s, content)
	p.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if completes(r) {
			p.pass.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatalf("Commit of which only the answer was lost: %v", err)
	}
	p.heal()
	blobtest.Holds(t, s, u.Key(), content)
}

func testObjectShortened(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	for _, size := range []int{100, 9 * mib} {
		content := blobtest.Bytes(11, size)
		u := begin(t, s, content)
		p.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !completes(r) && (r.Method != http.MethodPut || r.URL.Query().Has("partNumber")) {
				return false
			}
			p.pass.ServeHTTP(w, r)
			_, key, _ := strings.Cut(r.URL.Path[1:], "/")
			_, err := server.Client.PutObject(context.WithoutCancel(r.Context()), &s3.PutObjectInput{
				Bucket: &server.Bucket, Key: &key, Body: bytes.NewReader(content[:size/2]),
			})
			if err != nil {
				t.Error(err)
			}
			return true
		})
		wantUnavailable(t, s.Commit(t.Context(), u))
		p.heal()
		if _, err := s.Open(t.Context(), u.Key(), int64(size/2)); err == nil {
			t.Error("the object that lost its end is still there")
		}
		if size == 100 {
			if err := s.Commit(t.Context(), u); err != nil {
				t.Error(err)
			}
		} else if err := s.Commit(t.Context(), u); !fault.Is(err, fault.UploadNotFound) {
			t.Errorf("Commit of parts that are gone: %v", err)
		}
	}
}

func testObjectLate(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	u := begin(t, s, blobtest.Bytes(12, 9*mib))
	var asked atomic.Int32
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodHead || asked.Add(1) > 1 {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func testReadBroken(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	content := blobtest.Bytes(13, 9*mib)
	u := blobtest.Push(t, s, content)

	// Each connection brings a quarter and breaks: the reader notices nothing.
	var requests atomic.Int32
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		requests.Add(1)
		p.pass.ServeHTTP(&breaking{ResponseWriter: w, left: len(content) / 4}, r)
		return true
	})
	blobtest.Holds(t, s, u.Key(), content)
	if n := requests.Load(); n < 4 {
		t.Errorf("%d requests", n)
	}

	// No more than the first quarter ever comes: an error, never a clean end.
	requests.Store(0)
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		left := len(content) / 4
		if requests.Add(1) > 1 {
			left = 0
		}
		p.pass.ServeHTTP(&breaking{ResponseWriter: w, left: left}, r)
		return true
	})
	c, err := s.Open(t.Context(), u.Key(), u.Size)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	wantUnavailable(t, err)
	if len(got) > len(content)/4 || !bytes.Equal(got, content[:len(got)]) {
		t.Errorf("%d bytes came", len(got))
	}
}

// breaking breaks the connection after left bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) <= b.left {
		b.left -= len(p)
		return b.ResponseWriter.Write(p)
	}
	_, _ = b.ResponseWriter.Write(p[:b.left])
	_ = http.NewResponseController(b.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// testNothingLeft: an Append that begins a multipart upload, and then fails, is in no row; it takes the multipart upload back.
func testNothingLeft(t *testing.T, server *s3test.Server) {
	p, s := between(t, server)
	u := blobtest.NewUpload()
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !r.URL.Query().Has("partNumber") {
			return false
		}
		answerXML(w, http.StatusForbidden, "AccessDenied")
		return true
	})
	wantUnavailable(t, s.Append(t.Context(), u, bytes.NewReader(blobtest.Bytes(14, 20*mib))))
	out, err := server.Client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &server.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, upload := range out.Uploads {
		if strings.HasSuffix(aws.ToString(upload.Key), u.ID) {
			t.Error("the multipart upload is still there")
		}
	}
}
