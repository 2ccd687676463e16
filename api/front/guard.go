package front

import (
	"io"
	"math"
	"net/http"
	"time"
)

const (
	// IdleTime is for how long a client may send nothing of a body that it has announced, or take nothing of an answer.
	IdleTime = time.Minute
	// stride is how many bytes of an answer a client must take in each IdleTime: one slower than this holds a connection and a file open for nothing.
	stride = 1 << 20
	// slowestBody is the same for a body, beside the time that it may be idle: lower, since lines are thinner in that direction.
	slowestBody = 1 << 10
	// StrangerTime is for how long the whole body of a request may be on its way whose sender nobody knows: as long as its headers may.
	StrangerTime = 10 * time.Second
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
	b := &guardedBody{ReadCloser: r.Body, control: http.NewResponseController(x.ResponseWriter), idle: f.IdleBody, stranger: min(f.IdleBody, f.StrangerBody), x: x}
	x.body = b
	if x.awaits != nil {
		x.awaits(1)
		x.awaited, x.shared = true, r.ProtoMajor > 1
	}
	b.begin = time.Now()
	b.extend(b.begin)
	b.control.SetWriteDeadline(time.Time{}) //nolint:errcheck // that of the answer before, which the 100 Continue of this request must not meet
	guarded := *r
	guarded.Body = b
	if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
		x.chunks = true
		if f.mayBeShared(r) {
			x.last()
		}
	}
	return &guarded
}

// mayBeShared reports whether a proxy has passed the request on, and so may send those of others over the same connection.
func (f *Front) mayBeShared(r *http.Request) bool {
	h := r.Header
	return len(h["Via"]) > 0 || len(h["Forwarded"]) > 0 || len(h["X-Forwarded-For"]) > 0 || len(f.TrustedProxies) > 0 && f.trusts(peerOf(r).ip)
}

// last ends the connection with this answer.
//
// A request with chunks may have had a length too, of which net/http shows nothing: it follows the chunks, and takes what comes after them for the next
// request (RFC 9112, 6.3, which asks for the connection to be closed). A proxy that went by the length has passed all of it on as one, and the next is
// somebody else's (H15). So after chunks a connection that may be shared is closed, and any on which they were refused; docker, which sends layers so, keeps
// its own.
func (w *response) last() { w.Header()["Connection"] = []string{"close"} }

// guardedBody moves the connection's deadline forward as long as bytes arrive.
type guardedBody struct {
	io.ReadCloser
	control  *http.ResponseController
	idle     time.Duration
	stranger time.Duration
	begin    time.Time
	until    time.Time
	x        *exchange
}

// known notes that the body comes from somebody who can be held to account for it: it may take its time.
func (x *exchange) known() {
	x.isKnown = true
	if x.body != nil {
		x.body.extend(time.Now())
	}
}

// arrived notes that the connection waits no longer for the body of a stranger: the body is here, or its sender has proved who he is. Until then the connection is one of
// those that are closed to make room: to announce a body costs no more than to announce nothing.
func (x *exchange) arrived() {
	if x.awaited {
		x.awaited = false
		x.awaits(-1)
	}
}

func (b *guardedBody) Read(p []byte) (int, error) {
	// A deadline costs a system call's worth; it is set again only when a good part of it is used up.
	if now := time.Now(); b.until.Sub(now) < b.idle/2 {
		b.extend(now)
	}
	paused := b.x.turn.Pause() // a client may be slow
	n, err := b.ReadCloser.Read(p)
	b.x.turn.Resume(paused)
	b.x.received += int64(n)
	if err == io.EOF {
		b.x.arrived()
		b.control.SetReadDeadline(time.Time{}) //nolint:errcheck // the next request on this connection has the server's own
	}
	return n, err
}

func (b *guardedBody) extend(now time.Time) {
	b.until = now.Add(b.idle)
	latest := b.begin.Add(b.idle + time.Duration(b.x.received/slowestBody)*time.Second)
	if !b.x.isKnown {
		latest = b.begin.Add(b.stranger)
	}
	if latest.Before(b.until) {
		b.until = latest // a byte now and then does not hold a connection for ever
	}
	if err := b.control.SetReadDeadline(b.until); err != nil {
		b.until = now.Add(24 * time.Hour) // this connection knows no deadlines; asking again would change nothing
	}
}

// extend gives the client the time that the next part of an answer may take, up to stride bytes. The deadline stays on the connection until the next answer
// sets its own, since net/http sends the last bytes after the handler.
func (w *response) extend(parts int64) {
	http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(IdleTime * time.Duration(max(parts, 1)))) //nolint:errcheck // a connection without deadlines is limited by nothing
}

// ReadFrom keeps the way open on which net/http sends a file without reading it into the process (sendfile), in parts of stride bytes: of each the client has
// to take its share in time, so that one who asks for 50 GB and reads nothing holds the file for a minute and not for a month (H14).
func (w *response) ReadFrom(r io.Reader) (sent int64, err error) {
	w.begin(http.StatusOK)
	part, ok := r.(*io.LimitedReader) // net/http must find the file directly under the limit
	if !ok {
		part = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	for left := part.N; left > 0; {
		part.N = min(left, stride)
		if sent > 0 {
			w.extend(1)
		}
		n, err := io.Copy(w.ResponseWriter, part)
		sent += n
		w.written += n
		ended := part.N > 0
		left -= n
		part.N = left
		if err != nil || ended {
			return sent, err
		}
	}
	return sent, nil
}
