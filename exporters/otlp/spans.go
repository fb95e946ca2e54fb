package otlp

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/exporters/otlp/internal/encode"
)

// spanPush takes ended spans, queues them and hands them to a way out in batches.
type spanPush struct {
	way
	intake  *intake[sdktrace.ReadOnlySpan]
	printer sdktrace.SpanExporter // nil: they are sent
}

func newSpanPush(w way, b batching, printer sdktrace.SpanExporter) *spanPush {
	p := &spanPush{way: w, printer: printer}
	p.intake = newIntake(b, w, p.write)
	return p
}

// OnStart implements [sdktrace.SpanProcessor].
func (p *spanPush) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements [sdktrace.SpanProcessor]. It never waits. The span is
// cleaned before it is queued, so that the queue's memory is bounded too.
func (p *spanPush) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if err := guard(func() error { p.intake.add(cleanSpan(s)); return nil }); err != nil {
		dropDamaged(p, err)
	}
}

func (p *spanPush) write(spans []sdktrace.ReadOnlySpan) {
	batches(spans, weighSpan, func(some []sdktrace.ReadOnlySpan) {
		p.take(p.lifetime(), int64(len(some)), false, func(ctx context.Context) ([]byte, error) {
			if p.printer != nil {
				return nil, p.printer.ExportSpans(ctx, some)
			}
			return encode.Spans(some), nil
		})
	})
}

// ForceFlush implements [sdktrace.SpanProcessor]. It returns when the receiver has
// everything; with a buffer, when everything is on disk and the receiver has it or
// does not take it now. An error means that something was dropped, or that ctx ended.
func (p *spanPush) ForceFlush(ctx context.Context) error { return p.flush(ctx, p.intake.flush) }

// Shutdown implements [sdktrace.SpanProcessor]. It returns no error: otelmail calls stop
// as well, which reports what was not delivered.
func (p *spanPush) Shutdown(ctx context.Context) error {
	_ = p.stop(ctx)
	return nil
}

func (p *spanPush) stop(ctx context.Context) error {
	return p.shutdown(ctx, func(ctx context.Context) error {
		return p.intake.stop(ctx)
	}, nil)
}
