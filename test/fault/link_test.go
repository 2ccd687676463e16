package fault_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
)

// behind is a cluster of two nodes, of which the first has something between itself and its database and bucket.
func behind(t testing.TB, alone time.Duration, reach func(dsn, endpoint string) (string, string)) (c *cluster, first, other *berth) {
	t.Helper()
	c = newCluster(t, build(t, ""), 2, newPostgres(t, alone), func(n int, dsn, endpoint string) (string, string) {
		if n > 0 {
			return dsn, endpoint
		}
		return reach(dsn, endpoint)
	})
	return c, c.nodes[0], c.nodes[1]
}

// answer is the status of a request; 0 if there was none.
func (b *berth) answer(t testing.TB, method, path string, body []byte, header ...string) (int, string, http.Header) {
	t.Helper()
	status, got, head, err := b.send(t.Context(), method, path, body, header...)
	if err != nil {
		t.Logf("%s %s: %v", method, path, err)
	}
	return status, string(got), head
}

// wantAgain fails t unless the client is told to try again, and nothing of what is behind.
func wantAgain(t testing.TB, what string, status int, got string, head http.Header) {
	t.Helper()
	if status != http.StatusServiceUnavailable || head.Get("Retry-After") == "" || strings.Contains(got, "127.0.0.1") {
		t.Errorf("%s: %d, Retry-After %q: %s", what, status, head.Get("Retry-After"), got)
	}
}

// F14: the connection to PostgreSQL breaks when a commit was sent. Whether it happened is not known to the node: the client gets a 5xx, and either all of the push is there for everybody or nothing; the same
// request again has the right result.
func TestAmbiguousCommits(t *testing.T) {
	t.Parallel()
	var p *commits
	c, node, other := behind(t, time.Minute, func(dsn, endpoint string) (string, string) {
		_, upstream := through(t, dsn, "")
		p = newCommits(t, upstream)
		at, _ := through(t, dsn, p.address)
		return at, endpoint
	})
	random := rand.New(rand.NewPCG(1, 5))
	for name, happens := range map[string]bool{"its answer is lost": true, "it is lost": false} {
		ruin := p.refuse
		if happens {
			ruin = p.lose
		}
		i := newImage(random, strings.ReplaceAll(name, " ", "-"), nil, 300, 70_000)
		for _, blob := range i.blobs {
			method, path, body := "POST", node.path("/blobs/uploads/?digest=%s", digest(blob)), blob
			if len(blob) > 64<<10 { // in one request it would be two commits, since a row knows its object before there is one
				status, got, head := node.answer(t, "POST", node.path("/blobs/uploads/"), nil)
				if status == http.StatusAccepted {
					status, got, head = node.answer(t, "PATCH", head.Get("Location"), blob, "Content-Type", "application/octet-stream")
				}
				if status != http.StatusAccepted {
					t.Fatalf("an upload: %d %s", status, got)
				}
				sign := "?"
				if strings.Contains(head.Get("Location"), "?") {
					sign = "&"
				}
				method, path, body = "PUT", head.Get("Location")+sign+"digest="+digest(blob), nil
			}
			ruin()
			status, got, head := node.answer(t, method, path, body, "Content-Type", "application/octet-stream")
			p.heal()
			wantAgain(t, "a layer of which "+name, status, got, head)
			there, _, _ := other.answer(t, "HEAD", other.path("/blobs/%s", digest(blob)), nil)
			if (there == http.StatusOK) != happens {
				t.Errorf("a layer, the commit of which: %s: %d", name, there)
			}
			if status, err := putBlob(t.Context(), func() *berth { return node }, blob, 0); err != nil || status != http.StatusCreated {
				t.Errorf("a layer again, after a commit: %s: %d, %v", name, status, err)
			}
		}
		for _, change := range []struct {
			method       string
			body         []byte
			done, before int
		}{{"PUT", i.manifest, http.StatusCreated, http.StatusNotFound}, {"DELETE", nil, http.StatusAccepted, http.StatusOK}} {
			ruin()
			status, got, head := node.answer(t, change.method, node.path("/manifests/%s", i.tag), change.body, "Content-Type", imageManifest)
			p.heal()
			wantAgain(t, change.method+" of which "+name, status, got, head)
			for at, b := range c.nodes {
				there, _, _ := b.answer(t, "GET", b.path("/manifests/%s", i.tag), nil)
				if (there != change.before) != happens {
					t.Errorf("node %d: %s, the commit of which: %s: %d", at, change.method, name, there)
				}
			}
			if status, _, _ = node.answer(t, change.method, node.path("/manifests/%s", i.tag), change.body, "Content-Type", imageManifest); status != change.done && (change.method == "PUT" || !happens || status != http.StatusNotFound) {
				t.Errorf("%s again, after a commit: %s: %d", change.method, name, status)
			}
		}
	}
	if p.seen.Load() == 0 {
		t.Error("no commit was seen")
	}
	c.fsck(t)
}

// F26: a node stands still in the middle of a push, before its commit. The database gives up its transaction: the other nodes go on, and the node, when it wakes up, commits nothing of what it had begun.
func TestNodeStandsStillBeforeItsCommit(t *testing.T) {
	t.Parallel()
	var p *commits
	c, node, other := behind(t, 500*time.Millisecond, func(dsn, endpoint string) (string, string) {
		_, upstream := through(t, dsn, "")
		p = newCommits(t, upstream)
		at, _ := through(t, dsn, p.address)
		return at, endpoint
	})
	random := rand.New(rand.NewPCG(1, 6))
	one, two := newImage(random, "v1", nil), newImage(random, "v1", nil)
	for _, blob := range append(one.blobs, two.blobs...) {
		if status, err := putBlob(t.Context(), func() *berth { return other }, blob, 0); err != nil || status != http.StatusCreated {
			t.Fatal(status, err)
		}
	}
	release := p.hold()
	seen := p.seen.Load()
	var late sync.WaitGroup
	late.Go(func() {
		status, got, head := node.answer(t, "PUT", node.path("/manifests/v1"), one.manifest, "Content-Type", imageManifest)
		wantAgain(t, "a push that stood still", status, got, head)
	})
	soon(t, "the node is at its commit", 10*time.Second, func() bool { return p.seen.Load() > seen })
	if status, got, _ := other.answer(t, "PUT", other.path("/manifests/v1"), two.manifest, "Content-Type", imageManifest); status != http.StatusCreated {
		t.Errorf("a push beside a node that stands still: %d %s", status, got)
	}
	p.heal()
	release()
	late.Wait()
	for at, b := range c.nodes {
		if _, got, _ := b.answer(t, "GET", b.path("/manifests/v1"), nil); got != string(two.manifest) {
			t.Errorf("node %d has another image: %s", at, got)
		}
	}
	c.fsck(t)
}

// F26: a node is cut off from its database, without a word, as by a firewall. It becomes unhealthy; it serves nothing of what it remembers; who waits gets an answer in bounded time; others serve. When the database is
// back, so is the node. It takes 12 s, which is the time that the node gives its database; nothing is done meanwhile.
func TestCutOffFromDatabase(t *testing.T) {
	t.Parallel()
	var p *toxiproxy.Proxy
	_, node, other := behind(t, time.Minute, func(dsn, endpoint string) (string, string) {
		_, upstream := through(t, dsn, "")
		p = toxic(t, upstream)
		at, _ := through(t, dsn, p.Listen)
		return at, endpoint
	})
	i := newImage(rand.New(rand.NewPCG(1, 7)), "v1", nil)
	if err := newOracle().push(t.Context(), node, i); err != nil {
		t.Fatal(err)
	}
	pull := func(b *berth) int {
		status, _, _ := b.answer(t, "GET", b.path("/manifests/%s", i.digest), nil)
		return status
	}
	if pull(node) != http.StatusOK {
		t.Fatal("the image is not there")
	}
	poison(t, p, "timeout", `"timeout":0`)
	time.Sleep(time.Second) // for so long it may trust its memory
	var waiting sync.WaitGroup
	for range 60 { // more than there are connections
		waiting.Go(func() {
			status, got, head := node.answer(t, "GET", node.path("/manifests/%s", i.digest), nil)
			wantAgain(t, "a pull at a node without its database", status, got, head)
		})
	}
	soon(t, "it is unhealthy", 8*time.Second, func() bool { return node.health() == http.StatusServiceUnavailable })
	if status := pull(other); status != http.StatusOK {
		t.Errorf("the other node answers %d", status)
	}
	waiting.Wait()
	p.Toxics.ResetToxics(t.Context())
	soon(t, "it has healed", 20*time.Second, func() bool { return node.health() == http.StatusOK && pull(node) == http.StatusOK })
}

// F15, F16, F17: the bucket is slow, refuses, breaks off, or says that something is done which is not. The client is told to try again, or gets no clean end; nothing partial can be seen; what is in the database is served
// all the time.
func TestBucketFails(t *testing.T) {
	t.Parallel()
	var p *bucket
	c, node, other := behind(t, time.Minute, func(dsn, endpoint string) (string, string) {
		p = newBucket(t, endpoint)
		return dsn, p.URL
	})
	random := rand.New(rand.NewPCG(1, 8))
	small, large, late := newImage(random, "small", nil, 300), newImage(random, "large", nil, 300_000), newImage(random, "late", nil, 400_000)
	o := newOracle()
	for _, i := range []*image{small, large} {
		if err := o.push(t.Context(), node, i); err != nil {
			t.Fatal(err)
		}
	}
	unavailable := func(w http.ResponseWriter, code string) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>m</Message></Error>")
		return true
	}
	blob := late.blobs[1]
	push := func() (int, string, http.Header) {
		return node.answer(t, "POST", node.path("/blobs/uploads/?digest=%s", digest(blob)), blob, "Content-Type", "application/octet-stream")
	}
	absent := func(when string) {
		t.Helper()
		for at, b := range c.nodes {
			if status, _, _ := b.answer(t, "HEAD", b.path("/blobs/%s", digest(blob)), nil); status != http.StatusNotFound {
				t.Errorf("node %d, %s: the layer is said to be there: %d", at, when, status)
			}
		}
	}

	p.set(func(w http.ResponseWriter, _ *http.Request) bool { return unavailable(w, "SlowDown") })
	status, got, head := push()
	wantAgain(t, "a push when the bucket is busy", status, got, head)
	status, got, head = node.answer(t, "GET", node.path("/blobs/%s", large.layer()), nil)
	wantAgain(t, "a pull when the bucket is busy", status, got, head)
	if there, err := small.read(t.Context(), node); !there || err != nil {
		t.Errorf("what is in the database cannot be pulled when the bucket is busy: %v, %v", there, err)
	}
	absent("after a refusal")

	p.set(func(w http.ResponseWriter, r *http.Request) bool { // what is written is not there
		if r.Method != http.MethodPut {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"x"`)
		return true
	})
	status, got, head = push()
	wantAgain(t, "a push that the bucket forgets", status, got, head)
	absent("after it was forgotten")

	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Length", "300000")
		_, _ = w.Write(make([]byte, 1000))
		panic(http.ErrAbortHandler)
	})
	if status, got, _, err := node.send(t.Context(), "GET", node.path("/blobs/%s", large.layer()), nil); err == nil && status == http.StatusOK {
		t.Errorf("a pull that breaks off has a clean end after %d bytes", len(got))
	}
	p.heal()
	if status, _, _ = push(); status != http.StatusCreated {
		t.Errorf("the push again: %d", status)
	}
	if err := o.push(t.Context(), node, late); err != nil {
		t.Error(err)
	}
	for _, f := range o.compare(t, other, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	c.fsck(t)
}
