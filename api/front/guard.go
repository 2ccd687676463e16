package front

import (
	"io"
	"net/http"
	"time"
)

const (
	// slowest is the rate in bytes a second at which an answer must be taken, beside the minute that everybody gets: a client slower than this holds a
	// connection and a file open for nothing.
	slowest = 16 << 10
	// slowestBody is the same for a body, beside the time that it may be idle: lower, since lines are thinner in that direction.
	slowestBody = 1 << 10
)

// guard limits how long one request may take, by what it moves and not by a fixed time: layers of 50 GB on a thin line are legitimate, a body that never
// comes is not (H14). It stands before everything else: also of a request that is refused, net/http waits for the body.
//
// It answers a copy of the request: net/http looks at the body of its own one to see whether there is more of it than it would wait for, and whether the
// client was told to send it (H34).
func (f *Front) guard(x *exchange, r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	b := &guardedBody{ReadCloser: r.Body, control: http.NewResponseController(x.ResponseWriter), idle: f.IdleBody, received: &x.received}
	b.begin = time.Now()
	b.extend(b.begin)
	b.control.SetWriteDeadline(time.Time{}) //nolint:errcheck // that of the answer before, which the 100 Continue of this request must not meet
	guarded := *r
	guarded.Body = b
	return &guarded
}

// guardedBody moves the connection's deadline forward as long as bytes arrive.
type guardedBody struct {
	io.ReadCloser
	control  *http.ResponseController
	idle     time.Duration
	begin    time.Time
	until    time.Time
	received *int64
}

func (b *guardedBody) Read(p []byte) (int, error) {
	// A deadline costs a system call's worth; it is set again only when a good part of it is used up.
	if now := time.Now(); b.until.Sub(now) < b.idle/2 {
		b.extend(now)
	}
	n, err := b.ReadCloser.Read(p)
	*b.received += int64(n)
	if err == io.EOF {
		b.control.SetReadDeadline(time.Time{}) //nolint:errcheck // the next request on this connection has the server's own
	}
	return n, err
}

func (b *guardedBody) extend(now time.Time) {
	b.until = now.Add(b.idle)
	if latest := b.begin.Add(b.idle + time.Duration(*b.received/slowestBody)*time.Second); latest.Before(b.until) {
		b.until = latest // a byte now and then does not hold a connection for ever
	}
	if err := b.control.SetReadDeadline(b.until); err != nil {
		b.until = now.Add(24 * time.Hour) // this connection knows no deadlines; asking again would change nothing
	}
}

// limitAnswer gives the client the time that size bytes may take. The deadline stays on the connection until the next answer sets its own, since net/http
// sends the last bytes after the handler.
func limitAnswer(w http.ResponseWriter, size int64) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute + time.Duration(size/slowest)*time.Second)) //nolint:errcheck // a connection without deadlines is limited by nothing
}
