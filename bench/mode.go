package main

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// Mode is with which telemetry a server runs.
type Mode string

// The modes.
const (
	Unwrapped Mode = "unwrapped" // go-smtp alone
	Metrics   Mode = "metrics"   // Start with prometheus.Serve, nowhere to send traces to
	Unsampled Mode = "unsampled" // the same with a span pipeline and a sample ratio of 0
	Sampled   Mode = "sampled"   // the same, every trace recorded
	Control   Mode = "control"   // go-smtp alone once more: what the measurement itself tells apart
)

var modes = []Mode{Unwrapped, Metrics, Unsampled, Sampled, Control}

// telemetry starts what the mode asks for; nil for Unwrapped and Control. The span pipeline
// is the SDK's batch processor with an exporter that discards each batch: the costs of a
// network and a collector are not otelmail's.
func (m Mode) telemetry(ctx context.Context, listen string) (*otelmail.Telemetry, sdktrace.SpanProcessor, error) {
	opts := []otelmail.StartOption{prometheus.Serve(prometheus.WithAddress(listen))}
	batches := sdktrace.SpanProcessor(discardSpans{})
	switch m {
	case Unwrapped, Control:
		return nil, nil, nil
	case Metrics:
	case Unsampled:
		batches = sdktrace.NewBatchSpanProcessor(noExport{})
		opts = append(opts, spansTo(batches), otelmail.WithSampleRatio(0))
	case Sampled:
		batches = sdktrace.NewBatchSpanProcessor(noExport{})
		opts = append(opts, spansTo(batches), otelmail.WithSampleRatio(1))
	default:
		return nil, nil, fmt.Errorf("unknown mode %q: want one of %v", m, modes)
	}
	tel, err := start(ctx, opts...)
	return tel, batches, err
}

// noExport discards every batch.
type noExport struct{}

func (noExport) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (noExport) Shutdown(context.Context) error                             { return nil }
