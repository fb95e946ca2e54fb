package main

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
)

// start makes a Telemetry that is the same on every machine: settings of the environment
// are not read, and OpenTelemetry's globals are left alone.
func start(ctx context.Context, opts ...otelmail.StartOption) (*otelmail.Telemetry, error) {
	opts = append([]otelmail.StartOption{
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
func spansTo(sp sdktrace.SpanProcessor) otelmail.StartOption {
	return otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		p.AddSpanProcessor(sp)
		return nil
	}))
}

// startUntraced makes a Telemetry on a MeterProvider like that of start, and on
// OpenTelemetry's no-op tracer.
func startUntraced() (*otelmail.Telemetry, error) {
	reader, err := otelmail.NewReader()
	if err != nil {
		return nil, fmt.Errorf("make the reader: %w", err)
	}
	tel, err := otelmail.New(
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...))),
		otelmail.WithTracerProvider(tracenoop.NewTracerProvider()),
	)
	if err != nil {
		return nil, fmt.Errorf("make the telemetry to measure: %w", err)
	}
	return tel, nil
}

// discardSpans discards finished spans: what is measured is the making of a span, up to
// an exporter's queue.
type discardSpans struct{}

func (discardSpans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discardSpans) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discardSpans) Shutdown(context.Context) error                  { return nil }
func (discardSpans) ForceFlush(context.Context) error                { return nil }
