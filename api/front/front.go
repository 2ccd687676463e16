// Package front is the one door that listens. It gives each request an id, finds out which registry or AWS service it is for and who is calling, hands it
// to the door of that wire, and says afterwards, in the access log, the metrics and the audit, how it went.
package front

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/lang/sigv4"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/turn"
)

// Front answers every request of a listener. Its fields are set before it serves.
type Front struct {
	Names    *Names
	Identity *iam.Directory
	Registry *registry.Registry
	// Services are the AWS services, each bound to its operations.
	Services []*awswire.Service
	// Distribution answers container clients.
	Distribution *distribution.Door
	// Layers makes and serves the signed URLs of layers.
	Layers *Layers
	// Health answers /healthz, /readyz and /metrics.
	Health http.Handler
	Audit  *audit.Log
	// AccessLog takes one line for each request; nil for none.
	AccessLog *slog.Logger
	Metrics   *Metrics
	// Tracer makes a span for each request; nil for none.
	Tracer trace.Tracer
	// Turns share the processor between accounts; nil is first come, first served.
	Turns *Turns
	// Rates bound how often operations are called; nil bounds none.
	Rates *Rates
	Now   func() time.Time
	// TrustedProxies are the networks of proxies whose word on where a request comes from is believed (H16); none by default.
	TrustedProxies []netip.Prefix
	// IdleBody is how long a client may send nothing of a body that it has announced; 0 is a minute.
	IdleBody time.Duration
	// StrangerBody is how long the whole of a body may take while nobody knows whom it is from; 0 is StrangerTime.
	StrangerBody time.Duration

	keys *sigv4.Keys
	told atomic.Int64 // when the log last said why something was unavailable, in nanoseconds
}

// Open prepares f for serving.
func (f *Front) Open() {
	f.keys = sigv4.NewKeys(4096)
	if f.Now == nil {
		f.Now = time.Now
	}
	if f.IdleBody == 0 {
		f.IdleBody = IdleTime
	}
	if f.StrangerBody == 0 {
		f.StrangerBody = StrangerTime
	}
}

// exchange is one request and what is known of it.
type exchange struct {
	response
	call      iam.Call
	operation string           // "ecr:CreateRepository", "GetManifest": for the log and the metrics
	code      string           // the error's name on the wire; "" for none
	failure   error            // what the client is not told
	door      *awswire.Service // by which wire an error of an AWS call is told
	begin     time.Time
	received  int64        // bytes of the body
	body      *guardedBody // nil if there is none
	isKnown   bool         // see known
	awaited   bool         // see arrived
	shared    bool         // the connection may have other requests under way: it is of HTTP/2
	awaits    func(n int)
	span      trace.Span // nil unless the request is traced
	id        [36]byte
	ctx       turnContext
}

// ServeHTTP answers one request.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{begin: f.Now()}
	x.response.ResponseWriter = w
	audit.PutRequestID(&x.id, x.begin)
	from := peerOf(r)
	x.awaits = from.awaits
	r, client, secure := f.origin(r, from.ip)
	x.call = iam.Call{
		RequestID: string(x.id[:]), Time: x.begin, Secure: secure, UserAgent: r.UserAgent(), Referer: r.Referer(), SourceIP: client, Endpoint: from.endpoint, Host: r.Host,
	}
	f.Metrics.open.Inc()
	defer f.end(x, r)
	x.Header()["X-Amzn-Requestid"] = []string{x.call.RequestID} // on every answer: who is refused can say which refusal he means
	if f.Tracer != nil {
		r = f.traced(x, r, from)
	}
	r = f.guard(x, r)
	// The chunks of HTTP/1.0, of which net/http shows nothing, have no end that two programs would agree on (RFC 9112, 6.1), and after CONNECT one of them may take what follows for a tunnel (H15).
	if connect := r.Method == http.MethodConnect; connect || !r.ProtoAtLeast(1, 1) {
		x.last()
		if connect {
			x.operation = "CONNECT"
			http.Error(&x.response, "This is no proxy.", http.StatusMethodNotAllowed)
			return
		}
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/v2/"):
		f.registry(x, r, path[len("/v2/"):])
	case path == "/v2":
		f.registry(x, r, "")
	case strings.HasPrefix(path, layerPath):
		f.layer(x, r, path[len(layerPath):])
	case path == "/healthz" || path == "/readyz" || path == "/metrics":
		x.operation = path[1:]
		f.Health.ServeHTTP(&x.response, r)
	default:
		f.aws(x, r)
	}
}

// end is run after every request, also after one that panicked: the client must have an answer, and the operator the cause.
func (f *Front) end(x *exchange, r *http.Request) {
	panicked := recover()
	x.turn.End()
	if x.shared { // on HTTP/1 what is left of the body is still taken after this
		x.arrived()
	}
	f.Metrics.open.Dec()
	if panicked == http.ErrAbortHandler {
		if x.span != nil {
			f.endTrace(x)
		}
		panic(panicked)
	}
	begun := x.status != 0
	if panicked != nil {
		x.failure = errors.New("panic")
		slog.Error("panic while answering a request", "requestId", x.call.RequestID, "panic", panicked, "stack", string(debug.Stack()))
		switch {
		case begun:
		case x.door != nil:
			x.door.WriteError(&x.response, x.failure, x.call.RequestID)
		default:
			distribution.WriteError(&x.response, r, x.failure, x.call.RequestID)
		}
	}
	if x.status == 0 {
		x.status = http.StatusOK
	}
	took := f.Now().Sub(x.begin)
	f.Metrics.observe(x, took)
	if x.call.Audit.Action != "" && !x.call.Recorded {
		x.call.Audit.Status = x.status
		if x.call.Audit.Error == "" {
			x.call.Audit.Error = x.code
		}
		f.Audit.Add(&x.call.Audit)
	}
	if x.failure != nil && f.tells(x.failure) {
		level := slog.LevelError
		if panicked == nil && (r.Context().Err() != nil || errors.Is(x.failure, syscall.ECONNRESET) || errors.Is(x.failure, syscall.EPIPE) || errors.Is(x.failure, os.ErrDeadlineExceeded)) {
			level = slog.LevelDebug // the client went away: nothing of ours failed
		}
		slog.Log(context.Background(), level, "a request failed", "requestId", x.call.RequestID, "operation", x.operation, "status", x.status, "error", x.failure)
	}
	f.logAccess(x, r, took)
	if x.span != nil {
		f.endTrace(x)
	}
	if panicked != nil && begun {
		panic(http.ErrAbortHandler) // an answer that stops in the middle must not look complete
	}
}

// fails notes an error for the log whose cause the client is not told: one that is no fault, or that says that something of ours does not work as it should.
func (x *exchange) fails(err error) {
	if f := fault.As(err); f == nil || f.Code == fault.Unavailable && f.Err != nil {
		x.failure = err
	}
}

// tellEvery is how often the log says why requests are answered that the registry is unavailable: when a disk is full, that is true of very many.
const tellEvery = time.Second

// tells reports whether a failure is to be logged.
func (f *Front) tells(err error) bool {
	if fault.As(err) == nil {
		return true
	}
	now := f.Now().UnixNano()
	last := f.told.Load()
	return (now-last >= int64(tellEvery) || now < last) && f.told.CompareAndSwap(last, now)
}

// logAccess writes the line of the access log. Credentials never come into it: neither headers nor the query, which may be a signature (H101).
func (f *Front) logAccess(x *exchange, r *http.Request, took time.Duration) {
	if f.AccessLog == nil || !f.AccessLog.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	path := r.URL.Path
	if strings.HasPrefix(path, layerPath) {
		path = layerPath + "…" // the rest of it opens the layer
	}
	principal := ""
	if x.call.Principal != nil {
		principal = x.call.Principal.ARN
	}
	attrs := [...]slog.Attr{
		slog.String("requestId", x.call.RequestID),
		slog.String("method", r.Method),
		slog.String("host", r.Host),
		slog.String("path", path),
		slog.String("operation", x.operation),
		slog.Int("status", x.status),
		slog.String("code", x.code),
		slog.Int64("bytes", x.written),
		slog.Duration("took", took),
		slog.String("principal", principal),
		slog.String("sourceIp", x.call.SourceIP.String()),
		slog.String("userAgent", x.call.UserAgent),
	}
	f.AccessLog.LogAttrs(context.Background(), slog.LevelInfo, "request", attrs[:]...)
}

// response passes an answer through and notes its status and size.
type response struct {
	http.ResponseWriter
	status  int
	written int64
	turn    turn.Turn
	chunks  bool // the request came in chunks, over HTTP/1
}

// begin notes the status, and gives the client the time that the first part of an answer may take.
func (w *response) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	w.turn.End() // what is left is to send, and a client may be slow
	if w.chunks && status >= 400 {
		w.last()
	}
	w.extend(1)
}

func (w *response) WriteHeader(status int) {
	if status >= 200 {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	if parts := (w.written+int64(len(b)))/stride - w.written/stride; parts > 0 {
		w.extend(1 + parts)
	}
	n, err := w.ResponseWriter.Write(b)
	w.written += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
