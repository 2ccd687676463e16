package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/berth-registry/berth/storage/trace"
)

// tracesFlush is how long the end of the program waits for the last spans to be taken.
const tracesFlush = 5 * time.Second

// openTraces sends traces to the collector that the standard variables of OpenTelemetry name (OTEL_EXPORTER_OTLP_ENDPOINT, …), over OTLP/HTTP. Where none names one, there are no
// traces, and no request costs more for it. What else may be set (OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS, …) is read by OpenTelemetry's own libraries.
func (s *Server) openTraces(ctx context.Context) error {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" ||
		os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := os.Getenv(name); protocol != "" && protocol != "http/protobuf" {
			return fmt.Errorf("%s=%s: traces are sent as http/protobuf only, which collectors take at port 4318", name, protocol)
		}
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	about := []attribute.KeyValue{attribute.String("service.name", "berth")}
	if info, ok := debug.ReadBuildInfo(); ok {
		about = append(about, attribute.String("service.version", info.Main.Version))
	}
	if host, err := os.Hostname(); err == nil {
		about = append(about, attribute.String("service.instance.id", host))
	}
	from, err := resource.New(ctx, resource.WithAttributes(about...), resource.WithFromEnv()) // what the environment says comes last, and counts
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Warn("traces could not be sent", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(from))
	s.onClose(func() {
		ctx, cancel := context.WithTimeout(context.Background(), tracesFlush)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			slog.Warn("the last traces could not be sent", "error", err)
		}
	})
	s.tracer = provider.Tracer(trace.Scope)
	return nil
}
