package otlp

import (
	"context"
	"errors"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// keptSpans takes ended spans to the buffer.
type keptSpans struct {
	*keeper
	intake *intake[sdktrace.ReadOnlySpan]
	stock  sdktrace.SpanExporter
}

func newKeptSpans(ctx context.Context, k *keeper, b batching) (*keptSpans, error) {
	stock, err := newSpanExporter(ctx, captureTarget(), captureWire())
	if err != nil {
		return nil, err
	}
	p := &keptSpans{keeper: k, stock: stock}
	p.intake = newIntake(b, k.accept, k.full, p.write)
	return p, nil
}

// OnStart implements [sdktrace.SpanProcessor].
func (p *keptSpans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements [sdktrace.SpanProcessor]. It waits for nothing.
func (p *keptSpans) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if err := guard(func() error { p.intake.add(cleanSpan(s)); return nil }); err != nil {
		p.reporter.report(err)
	}
}

func (p *keptSpans) write(spans []sdktrace.ReadOnlySpan) {
	batches(spans, weighSpan, func(some []sdktrace.ReadOnlySpan) {
		p.keep(int64(len(some)), func(ctx context.Context) error { return p.stock.ExportSpans(ctx, some) })
	})
}

// ForceFlush implements [sdktrace.SpanProcessor]. It returns when everything is
// on disk and the receiver has it or does not take it now. Only what was lost is
// an error.
func (p *keptSpans) ForceFlush(ctx context.Context) error { return p.flush(ctx, p.intake.flush) }

// Shutdown implements [sdktrace.SpanProcessor]. What was lost is told by stop,
// which otelmail calls as well; here it would be told twice.
func (p *keptSpans) Shutdown(ctx context.Context) error {
	_ = p.stop(ctx)
	return nil
}

func (p *keptSpans) stop(ctx context.Context) error {
	return p.shutdown(ctx, func(ctx context.Context) error {
		return errors.Join(p.intake.stop(ctx), p.stock.Shutdown(ctx))
	})
}

func (k *keeper) accept() { k.store.accept(k.account, 1) }

// full drops an item that the queue in memory has no place for. It is reported
// by keep, which nobody waits for.
func (k *keeper) full() {
	k.accept()
	k.store.drop(k.account, 1, queueFull)
}

func (k *keeper) flush(ctx context.Context, write func(context.Context) error) error {
	before := k.store.ledger(k.account)
	if err := write(ctx); err != nil {
		return fmt.Errorf("otlp %s: flush: %w", k.signal.name, err)
	}
	if err := k.flushed(ctx); err != nil {
		return fmt.Errorf("otlp %s: flush: %w", k.signal.name, err)
	}
	return k.lost(k.store.ledger(k.account), before)
}
