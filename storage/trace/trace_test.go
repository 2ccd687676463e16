package trace_test

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/trace"
)

// Where nobody collects traces they cost no memory: this is called several times in every request.
func TestNobodyTraces(t *testing.T) {
	ctx := context.WithValue(t.Context(), trace.Span{}, "as deep as a request's")
	if n := testing.AllocsPerRun(100, func() {
		_, span := trace.Begin(ctx, "sql.write")
		span.Number("together", 1)
		span.End(nil)
	}); n != 0 {
		t.Errorf("a span that nobody sees makes %v allocations", n)
	}
}

// What a client did wrong is named and is no failure; what the registry is to blame for is one. The text of an error, which may hold a path, goes nowhere.
func TestErrorsOfSpans(t *testing.T) {
	seen := tracetest.NewSpanRecorder()
	ctx, above := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(seen)).Tracer("test").Start(t.Context(), "request")
	for _, c := range []struct {
		err  error
		kind string
		code codes.Code
	}{
		{nil, "", codes.Unset},
		{fault.New(fault.RepositoryNotFound, "no such repository"), string(fault.RepositoryNotFound), codes.Unset},
		{fault.Wrap(errors.New("/var/lib/berth"), fault.Unavailable, "away"), string(fault.Unavailable), codes.Error},
		{errors.New("/var/lib/berth"), "internal", codes.Error},
	} {
		_, span := trace.Begin(ctx, "part")
		span.End(c.err)
		ended := seen.Ended()
		got, kind := ended[len(ended)-1], ""
		for _, a := range got.Attributes() {
			kind = a.Value.AsString()
		}
		if got.Parent().SpanID() != above.SpanContext().SpanID() || kind != c.kind || got.Status().Code != c.code || got.Status().Description != "" || len(got.Events()) > 0 {
			t.Errorf("%v: %s, %v, %v", c.err, kind, got.Status(), got.Events())
		}
	}
}
