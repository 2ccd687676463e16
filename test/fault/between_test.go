package fault_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// toxic is a network between a node and what it needs, of which parts can be poisoned.
func toxic(t testing.TB, upstream string) *toxiproxy.Proxy {
	t.Helper()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), t.Name(), "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// poison makes the network bad in both directions; kind and attributes are toxiproxy's.
func poison(t testing.TB, p *toxiproxy.Proxy, kind, attributes string) {
	t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		text := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":{%s}}`, kind+stream, kind, stream, attributes)
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// through is a DSN or URL whose address is another one.
func through(t testing.TB, at, address string) (there, upstream string) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	upstream = u.Host
	u.Host = address
	return u.String(), upstream
}

// commits stands between a node and PostgreSQL and knows a commit when it sees one.
type commits struct {
	address string
	// fate is what happens to commits now: nil lets them pass.
	fate atomic.Pointer[func(forward func() error, mute func()) error]
	seen atomic.Int64
}

func newCommits(t testing.TB, upstream string) *commits {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &commits{address: l.Addr().String()}
	go func() {
		for {
			node, err := l.Accept()
			if err != nil {
				return
			}
			database, err := net.Dial("tcp", upstream)
			if err != nil {
				node.Close()
				continue
			}
			go c.between(node, database)
		}
	}()
	return c
}

// between passes on what node and database say to each other.
func (c *commits) between(node, database net.Conn) {
	var once sync.Once
	end := func() { once.Do(func() { node.Close(); database.Close() }) }
	defer end()
	var muted atomic.Bool
	go func() {
		defer end()
		buffer := make([]byte, 64<<10)
		for {
			n, err := database.Read(buffer)
			if n == 0 || err != nil || muted.Load() { // the answer is here, and gets lost
				return
			}
			if _, err := node.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := node.Read(buffer)
		if err != nil {
			return
		}
		said := buffer[:n]
		forward := func() error {
			_, err := database.Write(said)
			return err
		}
		fate := c.fate.Load()
		if fate == nil || !bytes.Contains(said, []byte("commit\x00")) {
			if forward() != nil {
				return
			}
			continue
		}
		c.seen.Add(1)
		if err := (*fate)(forward, func() { muted.Store(true) }); err != nil {
			return
		}
		if muted.Load() {
			_, _ = io.Copy(io.Discard, node) // until the answer came
			return
		}
	}
}

// lose lets commits happen and their answers get lost.
func (c *commits) lose() {
	c.set(func(forward func() error, mute func()) error {
		mute()
		return forward()
	})
}

// refuse breaks the connection before the commit reaches the database.
func (c *commits) refuse() {
	c.set(func(func() error, func()) error { return io.ErrClosedPipe })
}

// hold keeps commits back until release is called.
func (c *commits) hold() (release func()) {
	wait, done := context.WithCancel(context.Background())
	c.set(func(forward func() error, _ func()) error {
		<-wait.Done()
		return forward()
	})
	return done
}

func (c *commits) heal() { c.fate.Store(nil) }

func (c *commits) set(fate func(forward func() error, mute func()) error) { c.fate.Store(&fate) }

// bucket stands before an S3 server. spoil, once set, sees each request first and says whether it has answered it.
type bucket struct {
	*httptest.Server
	pass  *httputil.ReverseProxy
	spoil atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

func newBucket(t testing.TB, endpoint string) *bucket {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	b := &bucket{pass: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if spoil := b.spoil.Load(); spoil == nil || !(*spoil)(w, r) {
			b.pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bucket) set(spoil func(w http.ResponseWriter, r *http.Request) bool) { b.spoil.Store(&spoil) }
func (b *bucket) heal()                                                       { b.spoil.Store(nil) }
