package main

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
)

// start makes a Telemetry that is the same on every machine: settings of the environment
// are not read, and OpenTelemetry's globals are left alone.
func start(ctx context.Context, opts ...otelmail.Option) (*otelmail.Telemetry, error) {
	opts = append([]otelmail.Option{
		otelmail.WithoutGlobals(),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
	}, opts...)
	tel, err := otelmail.Start(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("start the telemetry to measure: %w", err)
	}
	return tel, nil
}

// spansTo makes Start hand spans to sp.
func spansTo(sp sdktrace.SpanProcessor) otelmail.Option {
	return otelmail.WithExporter(otelmail.ExporterFunc(func(_ context.Context, p *otelmail.Pipeline) error {
		p.AddSpanProcessor(sp)
		return nil
	}))
}

// readerTo makes Start store its Reader in r.
func readerTo(r **otelmail.Reader) otelmail.Option {
	return otelmail.WithExporter(otelmail.ExporterFunc(func(_ context.Context, p *otelmail.Pipeline) error {
		*r = p.Reader()
		return nil
	}))
}

// discardSpans discards finished spans: what is measured is the making of a span, up to
// an exporter's queue.
type discardSpans struct{}

func (discardSpans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discardSpans) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discardSpans) Shutdown(context.Context) error                  { return nil }
func (discardSpans) ForceFlush(context.Context) error                { return nil }
