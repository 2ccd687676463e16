package fault_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// cluster is several berths on one PostgreSQL and one bucket.
type cluster struct {
	nodes []*berth
	dsn   string
	s3    *s3test.Server
}

// newCluster starts so many nodes. reach says how each reaches its database and its bucket; nil is directly.
func newCluster(t testing.TB, program string, nodes int, dsn string, reach func(n int, dsn, endpoint string) (string, string)) *cluster {
	t.Helper()
	c := &cluster{dsn: dsn, s3: s3test.Start(t)}
	for n := range nodes {
		dsn, endpoint := c.dsn, c.s3.Endpoint
		if reach != nil {
			dsn, endpoint = reach(n, dsn, endpoint)
		}
		b := &berth{
			t: t, program: program, data: filepath.Join(t.TempDir(), "data"), blobs: c.s3.URLAt(endpoint, "cell"), addr: freeAddress(t), args: []string{"--db", dsn},
			client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
		}
		t.Cleanup(b.kill)
		b.launch()
		c.nodes = append(c.nodes, b)
		if n == 0 { // it makes the first account
			if err := b.ready(); err != nil {
				t.Fatal(err)
			}
			b.settle(t)
		}
	}
	for _, b := range c.nodes[1:] {
		if err := b.ready(); err != nil {
			t.Fatal(err)
		}
		b.auth, b.keys = c.nodes[0].auth, c.nodes[0].data
	}
	return c
}

// newPostgres is the DSN of a new database. A transaction whose node stands still is given up after so long.
func newPostgres(t testing.TB, alone time.Duration) string {
	return sqltest.Postgres(t) + fmt.Sprintf("&idle_in_transaction_session_timeout=%d", alone.Milliseconds())
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fsck looks at the whole cluster, directly.
func (c *cluster) fsck(t testing.TB) {
	t.Helper()
	if out, err := fsckBy(c.nodes[0].program, c); err != nil {
		t.Errorf("berth fsck: %v\n%s", err, out)
	}
}

// fsckBy is what a program says of a cluster.
func fsckBy(program string, c *cluster) (string, error) {
	out, err := exec.Command(program, "fsck", "--deep", "--db", c.dsn, "--blobs", c.s3.URL("cell"), "--data", c.nodes[0].data).CombinedOutput()
	return string(out), err
}

// any is one of the nodes.
func (c *cluster) any(r *rand.Rand) *berth { return c.nodes[r.IntN(len(c.nodes))] }

// send asks a node and answers the status; 0 when there was no answer, and then err.
func (b *berth) send(ctx context.Context, method, path string, body []byte, header ...string) (status int, got []byte, head http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+b.addr+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	r.Header.Set("Authorization", b.auth)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	if got, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil, nil, err
	}
	return resp.StatusCode, got, resp.Header, nil
}

// putBlob brings a blob to the cluster by requests to nodes that pick gives: in one request, or in an upload of chunks.
func putBlob(ctx context.Context, pick func() *berth, content []byte, chunk int) (status int, err error) {
	b := pick()
	if chunk == 0 {
		status, _, _, err = b.send(ctx, "POST", b.path("/blobs/uploads/?digest=%s", digest(content)), content, "Content-Type", "application/octet-stream")
		return status, err
	}
	status, _, head, err := b.send(ctx, "POST", b.path("/blobs/uploads/"), nil)
	for at := 0; err == nil && status == http.StatusAccepted; at += chunk {
		location, bad := url.Parse(head.Get("Location"))
		if bad != nil {
			return status, bad
		}
		if at >= len(content) {
			query := location.Query()
			query.Set("digest", digest(content))
			status, _, _, err = pick().send(ctx, "PUT", location.Path+"?"+query.Encode(), nil)
			return status, err
		}
		part := content[at:min(at+chunk, len(content))]
		status, _, head, err = pick().send(ctx, "PATCH", location.RequestURI(), part, "Content-Type", "application/octet-stream", "Content-Range", fmt.Sprintf("%d-%d", at, at+len(part)-1))
	}
	return status, err
}
