package front

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced begins the span of a request. Of a trusted proxy the request goes on with the trace that its traceparent names (W3C Trace Context); anybody else's is only linked to:
// a stranger decides neither which requests are recorded nor into whose traces they go.
func (f *Front) traced(x *exchange, r *http.Request, from peer) *http.Request {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/metrics":
		return r // they come every few seconds, and tell nothing
	}
	ctx := r.Context()
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.begin), trace.WithAttributes(
		attribute.String("http.request.method", knownMethod(r.Method)), attribute.String("berth.request_id", x.call.RequestID))}
	above := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header)))
	switch {
	case !above.IsValid():
	case f.trusts(from.ip):
		ctx = trace.ContextWithRemoteSpanContext(ctx, above)
	default:
		options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: above}))
	}
	ctx, x.span = f.Tracer.Start(ctx, knownMethod(r.Method), options...)
	if !x.span.IsRecording() {
		x.span = nil
		return r.WithContext(ctx) // what is not recorded here is not recorded below
	}
	return r.WithContext(ctx)
}

// endTrace says of the span what is known when the request is answered: neither headers nor the query nor a path, which may open a layer (H101).
func (f *Front) endTrace(x *exchange) {
	account := x.call.Audit.Owner
	if account == "" {
		account = x.call.Home()
	}
	name := x.operation
	if route := routeOf(x.operation); route != "" {
		method, _, _ := strings.Cut(x.operation, " ")
		name = method + " " + route
		x.span.SetAttributes(attribute.String("http.route", route))
	}
	x.span.SetName(name)
	x.span.SetAttributes(
		attribute.String("berth.operation", x.operation), attribute.String("berth.account", account), attribute.String("berth.region", x.call.Region),
		attribute.Int("http.response.status_code", x.status), attribute.Int64("http.request.body.size", x.received), attribute.Int64("http.response.body.size", x.written),
	)
	if x.code != "" {
		x.span.SetAttributes(attribute.String("error.type", x.code))
	}
	if x.failure != nil || x.status >= 500 {
		x.span.SetStatus(codes.Error, "")
	}
	x.span.End(trace.WithTimestamp(f.Now()))
}

// routeOf is the path of an operation of the registry interface with its changing parts named; "" of what has no path of its own.
func routeOf(operation string) string {
	_, kind, _ := strings.Cut(operation, " ")
	switch kind {
	case "Base":
		return "/v2/"
	case "Catalog":
		return "/v2/_catalog"
	case "Upload":
		return "/v2/{name}/blobs/uploads/{id}"
	case "Blob":
		return "/v2/{name}/blobs/{digest}"
	case "Manifest":
		return "/v2/{name}/manifests/{reference}"
	case "Referrers":
		return "/v2/{name}/referrers/{digest}"
	case "Tags":
		return "/v2/{name}/tags/list"
	}
	return ""
}

// knownMethod is one of a fixed set, whatever a client sends.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}
