// Package trace notes what a request waits for, where somebody collects traces: a span for each transaction and each call of the store for bytes, below the span that the
// front door began. Nothing is global: without a recorded span in the context there is none to be below, and Begin costs one look into the context and no memory.
package trace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/berth-registry/berth/fault"
)

// Scope is the instrumentation scope of every span of berth.
const Scope = "github.com/berth-registry/berth"

// Span is a part of a request that takes time. The zero Span is of a request that nobody traces; its methods do nothing.
type Span struct{ of trace.Span }

// Begin begins a span below the one of ctx, and answers the context for what belongs to it. End ends it.
func Begin(ctx context.Context, name string) (context.Context, Span) {
	above := trace.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, Span{}
	}
	ctx, s := above.TracerProvider().Tracer(Scope).Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
	return ctx, Span{s}
}

// On reports whether the span is recorded: what costs something to find out is asked for only then.
func (s Span) On() bool { return s.of != nil }

// Text notes an attribute. It is never a secret, a credential, a policy or anything that a client has sent as content.
func (s Span) Text(key, value string) {
	if s.of != nil {
		s.of.SetAttributes(attribute.String(key, value))
	}
}

// Number notes an attribute.
func (s Span) Number(key string, value int64) {
	if s.of != nil {
		s.of.SetAttributes(attribute.Int64(key, value))
	}
}

// End ends the span. A fault is named by its code; it is a failure only if the registry is to blame for it. The texts of errors stay in the log, which may know paths and hosts.
func (s Span) End(err error) {
	if s.of == nil {
		return
	}
	if err != nil {
		kind := "internal"
		known := fault.As(err)
		if known != nil {
			kind = string(known.Code)
		}
		s.of.SetAttributes(attribute.String("error.type", kind))
		if known == nil || known.Code == fault.Unavailable {
			s.of.SetStatus(codes.Error, "")
		}
	}
	s.of.End()
}
