package otlp

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanPush takes ended spans, queues them and sends them in batches. It is the
// processor that the TracerProvider feeds and the exporter that the SDK's batch
// processor drains into.
type spanPush struct {
	*route
	batching batching
	batch    sdktrace.SpanProcessor
	stock    sdktrace.SpanExporter
	close    func() error
}

func newSpanPush(r *route, b batching, stock sdktrace.SpanExporter, close func() error) *spanPush {
	p := &spanPush{route: r, batching: b, stock: stock, close: close}
	p.batch = sdktrace.NewBatchSpanProcessor(spanSink{p},
		sdktrace.WithMaxQueueSize(b.queue),
		sdktrace.WithMaxExportBatchSize(b.most),
		sdktrace.WithBatchTimeout(b.delay),
		sdktrace.WithExportTimeout(b.timeout),
	)
	return p
}

// OnStart implements [sdktrace.SpanProcessor].
func (p *spanPush) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements [sdktrace.SpanProcessor]. The span is cleaned before it is
// queued, so that the queue's memory is bounded too.
func (p *spanPush) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	p.produced.Add(1)
	if err := guard(func() error { p.batch.OnEnd(cleanSpan(s)); return nil }); err != nil {
		p.reporter.report(err)
	}
}

// ForceFlush implements [sdktrace.SpanProcessor].
func (p *spanPush) ForceFlush(ctx context.Context) error {
	before := p.failed.Load()
	if err := p.batch.ForceFlush(ctx); err != nil {
		return fmt.Errorf("otlp traces: flush: %w", err)
	}
	return p.failedSince(before)
}

// Shutdown implements [sdktrace.SpanProcessor]. What was not delivered is told
// by stop, which otelmail calls as well; here it would be told twice.
func (p *spanPush) Shutdown(ctx context.Context) error {
	_ = p.stop(ctx)
	return nil
}

func (p *spanPush) stop(ctx context.Context) error {
	return p.shutdown(ctx, p.batch.Shutdown, func() error { return p.undelivered(p.batching.queue) })
}

// spanSink is spanPush as the batch processor sees it.
type spanSink struct{ *spanPush }

// ExportSpans implements [sdktrace.SpanExporter]. It returns no error: the SDK
// would print it without bound, and it is counted and reported already.
func (p spanSink) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	p.arrived(len(spans), p.batching)
	batches(spans, weighSpan, func(some []sdktrace.ReadOnlySpan) {
		lost, _ := p.deliver(ctx, int64(len(some)), func(ctx context.Context) error {
			return p.stock.ExportSpans(ctx, some)
		})
		p.failed.Add(lost)
	})
	return nil
}

// Shutdown implements [sdktrace.SpanExporter].
func (p spanSink) Shutdown(ctx context.Context) error {
	err := p.stock.Shutdown(ctx)
	if closed := p.close(); err == nil {
		err = closed
	}
	return err
}
